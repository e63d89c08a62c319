//! Which paths a file names, read as syntax.

use std::collections::BTreeSet;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::Visit;

/// All paths in a file: from this crate's root on, or of another one.
pub(crate) struct Paths {
    /// Where the visitor is.
    module: Vec<String>,
    /// Whether tests are left out, and who may see what.
    is_code_only: bool,
    /// Whether it is of this crate, and its names, of which there is one at least.
    found: BTreeSet<(bool, Vec<String>)>,
}

impl Paths {
    /// The paths in a file whose module is `module`.
    pub(crate) fn of(file: &syn::File, module: &[&str]) -> BTreeSet<(bool, Vec<String>)> {
        Paths::visited(file, module, false)
    }

    /// The same without tests, and without the places that may see something.
    pub(crate) fn of_code(file: &syn::File, module: &[&str]) -> BTreeSet<(bool, Vec<String>)> {
        Paths::visited(file, module, true)
    }

    fn visited(file: &syn::File, module: &[&str], is_code_only: bool) -> BTreeSet<(bool, Vec<String>)> {
        let module = module.iter().map(|name| (*name).to_owned()).collect();
        let mut paths = Paths { module, is_code_only, found: BTreeSet::new() };
        paths.visit_file(file);
        paths.found
    }

    /// A path as it stands there, told from the crate's root on.
    fn add(&mut self, segments: &[String]) {
        let mut module = self.module.clone();
        let mut rest = segments;
        let is_relative = matches!(segments.first().map(String::as_str), Some("crate" | "self" | "super"));
        while let Some((first, after)) = rest.split_first() {
            match first.as_str() {
                "crate" => module.clear(),
                "self" => {}
                "super" => drop(module.pop()),
                _ => break,
            }
            rest = after;
        }
        let whole = if is_relative { [&module[..], rest].concat() } else { rest.to_vec() };
        // One segment alone is a name of its own file, but for `use name;`, which is added as a tree.
        if !whole.is_empty() {
            self.found.insert((is_relative, whole));
        }
    }

    fn add_tree(&mut self, before: &mut Vec<String>, tree: &syn::UseTree) {
        match tree {
            syn::UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.add_tree(before, &path.tree);
                before.pop();
            }
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.add_tree(before, item)),
            syn::UseTree::Name(syn::UseName { ident }) | syn::UseTree::Rename(syn::UseRename { ident, .. }) => {
                before.push(ident.to_string());
                self.add(before);
                before.pop();
            }
            syn::UseTree::Glob(_) => self.add(before),
        }
    }

    /// What a macro is given is no syntax yet: every run of names between double colons counts as a path.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Ident(name) => {
                    if colons != 2 {
                        self.add_path(&std::mem::take(&mut path));
                    }
                    path.push(name.to_string());
                    colons = 0;
                }
                other => {
                    self.add_path(&std::mem::take(&mut path));
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.add_tokens(group.stream());
                    }
                }
            }
        }
        self.add_path(&path);
    }

    /// One name alone is a name of its own file.
    fn add_path(&mut self, segments: &[String]) {
        if segments.len() > 1 {
            self.add(segments);
        }
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.add_tree(&mut Vec::new(), &item.tree);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if self.is_code_only && item.attrs.iter().any(is_for_tests) {
            return;
        }
        self.module.push(item.ident.to_string());
        syn::visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_vis_restricted(&mut self, places: &'ast syn::VisRestricted) {
        if !self.is_code_only {
            syn::visit::visit_vis_restricted(self, places);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.add_path(&segments);
        syn::visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.visit_path(&call.path);
        self.add_tokens(call.tokens.clone());
    }
}

/// `#[cfg(test)]`.
fn is_for_tests(attribute: &syn::Attribute) -> bool {
    attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Ident>().is_ok_and(|name| name == "test")
}
