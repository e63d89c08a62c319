//! An operation of a socket, from its request to its last response.

use std::{pin::Pin, sync::Arc, time::Instant};

use futures_util::{Stream, StreamExt as _, stream};
use serde_json::Value;
use tokio_util::task::AbortOnDropHandle;

use crate::{
    access::Viewer,
    graphql::{Call, Question, Responses},
    projection::Deadline,
    server::{
        app::App,
        connection::connections::{ConnectionState, Held},
    },
};

/// What an operation says. After an error it says nothing more.
pub(super) enum Says {
    /// The JSON of a response.
    Next(Arc<str>),
    /// The JSON of the errors for which it was not executed.
    Error(String),
}

/// An operation that runs.
pub(super) type Running = Pin<Box<dyn Stream<Item = Says> + Send>>;

/// What is asked, by whom, and under which id.
pub(super) struct Asked {
    pub(super) payload: Value,
    pub(super) viewer: Viewer,
    pub(super) request_id: String,
}

/// Runs what was asked; it ends when it is dropped.
pub(super) fn run(app: Arc<App>, connection: Arc<ConnectionState>, asked: Asked) -> Running {
    let begun = async move {
        let until = Instant::now() + app.graph.limits().execution_timeout;
        let Asked { payload, viewer, request_id } = asked;
        let question = Question::of_payload(payload);
        let effort = app.graph.effort(&question);
        let place = async { (connection.hold_answer().await, app.queries.place(effort).await) };
        let Ok((mut held, place)) = tokio::time::timeout_at(until.into(), place).await else { return too_many() };
        // Dropped with this future: a query that nobody waits for ends.
        let (deadline, _waiting) = Deadline::until(until);
        let call = Call { request_id, deadline };
        let (response, _permit) = match place.run(move || begin(&app, question, viewer, call)).await {
            Some((Begun::Once(response), permit)) => (response, permit),
            Some((Begun::Running(running), _)) => return running,
            None => return internal(),
        };
        match tokio::time::timeout_at(until.into(), connection.fit_answer(&mut held, response.len())).await {
            Ok(()) => once(response, held),
            Err(_) => too_many(),
        }
    };
    // In a task of its own: the socket of a client that reads nothing is not polled for long, and would keep the place
    // that it waits for from everybody else.
    let task = AbortOnDropHandle::new(tokio::spawn(begun));
    stream::once(async move { task.await.unwrap_or_else(|_| internal()) }).flatten().boxed()
}

/// What was asked for, once it is begun.
enum Begun {
    /// It is done, and this is its response.
    Once(Arc<str>),
    Running(Running),
}

fn begin(app: &App, question: Question, viewer: Viewer, call: Call) -> Begun {
    let operation = match app.graph.operation(question) {
        Ok(operation) => operation,
        Err(errors) => return Begun::Running(only(Says::Error(errors))),
    };
    let permit = if operation.is_subscription() {
        match Arc::clone(&app.following.subscription_permits).try_acquire_owned() {
            Ok(permit) => Some(permit),
            Err(_) => {
                return Begun::Running(only(Says::Error(errors(
                    "TOO_MANY_SUBSCRIPTIONS",
                    "The server has all the subscriptions that it is to have. Try again later.",
                ))));
            }
        }
    } else {
        None
    };
    match app.graph.operate(operation, viewer, call) {
        Responses::Once(response) => Begun::Once(response),
        Responses::Refused(errors) => Begun::Running(only(Says::Error(errors))),
        Responses::Events(events) => {
            let told = events.map(move |response| {
                let _held = &permit;
                Says::Next(response)
            });
            Begun::Running(told.boxed())
        }
    }
}

/// The response, and its room until it is taken.
fn once(response: Arc<str>, held: Held) -> Running {
    let once = stream::once(async { Says::Next(response) });
    once.chain(stream::poll_fn(move |_| {
        let _held = &held;
        std::task::Poll::Ready(None)
    }))
    .boxed()
}

fn only(says: Says) -> Running {
    stream::once(async { says }).boxed()
}

fn too_many() -> Running {
    only(Says::Error(errors("TOO_MANY_QUERIES", "Too many queries run at this moment. Try again.")))
}

fn internal() -> Running {
    only(Says::Error(errors("INTERNAL_SERVER_ERROR", "internal error")))
}

/// The JSON of a list with one error.
pub(super) fn errors(code: &str, message: &str) -> String {
    serde_json::json!([{ "message": message, "extensions": { "code": code } }]).to_string()
}
