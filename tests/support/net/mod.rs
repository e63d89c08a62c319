//! What speaks over sockets, and what stands between.

pub mod http1;
pub mod http2;
pub mod live;
pub mod proxy;
pub mod nginx_path;
pub mod promql;
