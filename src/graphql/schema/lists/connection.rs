//! Relay's pages, the same for every list.

use std::borrow::Cow;

use async_graphql::{ComplexObject, Context, OutputType, SimpleObject, TypeName, connection::PageInfo};

use crate::{
    graphql::{
        problem::Problem,
        schema::{cost::PAGE_DEFAULT, lists::handle::Handle},
        scope::Scope,
    },
    projection::{Page, PageOf},
};

/// What a list needs to come in pages.
pub(in crate::graphql) trait Listed: OutputType + Sized {
    /// What orders the list, and what a cursor holds.
    type Key: Clone;
    /// Which items the list has.
    type Filter: Send + Sync;

    fn page(scope: &Scope, filter: &Self::Filter, page: &Page<Self::Key>) -> Result<PageOf<Self>, Problem>;
    /// How many items the list has, where that is cheap to know.
    fn count(scope: &Scope, filter: &Self::Filter) -> Result<Option<u64>, Problem>;
    /// The item's place in the list.
    fn place(&self, filter: &Self::Filter) -> Handle;
    /// The key, if this is a place in such a list.
    fn key(place: Handle, filter: &Self::Filter) -> Option<Self::Key>;
}

/// A page of a list.
#[derive(SimpleObject)]
#[graphql(complex, name_type)]
pub(in crate::graphql) struct Connection<N: Listed> {
    /// The page's items, each with its cursor.
    edges: Vec<Edge<N>>,
    /// What lies before and after the page.
    page_info: PageInfo,
    #[graphql(skip)]
    filter: N::Filter,
}

/// An item of a page.
#[derive(SimpleObject)]
#[graphql(name_type)]
pub(in crate::graphql) struct Edge<N: Listed> {
    /// The item.
    node: N,
    /// Its place in the list, for `after` and `before`.
    cursor: String,
}

#[ComplexObject]
impl<N: Listed> Connection<N> {
    /// The page's items.
    async fn nodes(&self) -> Vec<&N> {
        self.edges.iter().map(|edge| &edge.node).collect()
    }

    /// How many items the whole list has; null where only a scan could tell.
    async fn total_count(&self, ctx: &Context<'_>) -> Option<Result<i32, Problem>> {
        let to_int = |count: u64| i32::try_from(count).ok();
        N::count(Scope::of(ctx), &self.filter).map(|count| count.and_then(to_int)).transpose()
    }
}

impl<N: Listed> TypeName for Connection<N> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Connection", <N as OutputType>::type_name()).into()
    }
}

impl<N: Listed> TypeName for Edge<N> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Edge", <N as OutputType>::type_name()).into()
    }
}

/// The arguments that ask for a page.
pub(in crate::graphql) struct PageArguments {
    pub(in crate::graphql) first: Option<i32>,
    pub(in crate::graphql) after: Option<String>,
    pub(in crate::graphql) last: Option<i32>,
    pub(in crate::graphql) before: Option<String>,
}

impl PageArguments {
    /// Reads the page that they ask for.
    pub(in crate::graphql) fn list<N: Listed>(
        self,
        scope: &Scope,
        filter: N::Filter,
    ) -> Result<Connection<N>, Problem> {
        let page = self.page::<N>(&filter, scope.limits().page_max as usize)?;
        let PageOf { items, has_more } = N::page(scope, &filter, &page)?;
        let edge = |node: N| Edge { cursor: node.place(&filter).encode(), node };
        let edges: Vec<Edge<N>> = items.into_iter().map(edge).collect();
        let start_cursor = edges.first().map(|edge| edge.cursor.clone());
        let end_cursor = edges.last().map(|edge| edge.cursor.clone());
        // Where a cursor bounds the page on its other side, the list goes on there.
        let page_info = PageInfo {
            has_previous_page: if page.from_end { has_more } else { page.after.is_some() },
            has_next_page: if page.from_end { page.before.is_some() } else { has_more },
            start_cursor,
            end_cursor,
        };
        Ok(Connection { edges, page_info, filter })
    }

    fn page<N: Listed>(self, filter: &N::Filter, page_max: usize) -> Result<Page<N::Key>, Problem> {
        if self.first.is_some() && self.last.is_some() {
            return Err(Problem::BadInput("Give `first` or `last`, not both."));
        }
        let limit = match self.first.or(self.last) {
            None => PAGE_DEFAULT.min(page_max),
            Some(items) => {
                usize::try_from(items).map_err(|_| Problem::BadInput("A page has no fewer than 0 items."))?
            }
        };
        if limit > page_max {
            return Err(Problem::PageTooLarge { asked: limit, max: page_max });
        }
        let (after, before) = (key::<N>(self.after, filter)?, key::<N>(self.before, filter)?);
        Ok(Page { after, before, limit, from_end: self.last.is_some() })
    }
}

fn key<N: Listed>(cursor: Option<String>, filter: &N::Filter) -> Result<Option<N::Key>, Problem> {
    let decode = |cursor: String| Handle::decode(&cursor).and_then(|place| N::key(place, filter));
    cursor
        .map(|cursor| decode(cursor).ok_or(Problem::BadInput("`after` and `before` are cursors of this list.")))
        .transpose()
}
