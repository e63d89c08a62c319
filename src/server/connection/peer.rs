//! Who is at the other end of a connection.

use std::{net::SocketAddr, sync::Arc};

use crate::server::connection::connections::ConnectionState;

/// The address of the other end of a connection, and what is known of the connection.
#[derive(Clone)]
pub(in crate::server) struct Peer(pub(in crate::server) SocketAddr, pub(in crate::server) Arc<ConnectionState>);
