//! The pages, in a real browser.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

#[path = "../support/mod.rs"]
mod support;

mod board;
mod appointment;
mod charts;
mod rejections;
mod ask_again;
mod explorer;
