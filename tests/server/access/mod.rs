//! Who may read what, and from where.

mod readers;
mod fields;
mod sign_in;
mod cors;
mod secrets;
mod proxies;
