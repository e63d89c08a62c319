//! What stays open and follows the log.

mod subscriptions;
mod subscriptions_interrupted;
mod feed;
mod socket_closes;
mod sign_in;
mod clients;
