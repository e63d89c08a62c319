//! What stays open and follows the log.

mod subscriptions;
mod feed;
mod socket_closes;
mod sign_in;
mod clients;
