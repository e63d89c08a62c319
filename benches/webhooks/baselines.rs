//! What the server is compared to, each in a process of its own: the shortest way to a durable answer, and hyper alone.

use std::{
    convert::Infallible,
    fs::File,
    io::{Read as _, Write as _},
    net::SocketAddr,
    path::Path,
    thread,
};

use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use serde::Deserialize;
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    sync::{mpsc, oneshot},
};
use warp::Filter as _;

use super::Fallible;

/// The most that share a sync, as in the server.
const GROUP_MAX: usize = 512;

#[derive(Deserialize)]
struct Webhook {
    appointment_id: u64,
    event_type: String,
}

type Waiting = (Webhook, oneshot::Sender<u64>);

/// Keeps each webhook in sled, a group to a value, syncs sled's file and answers with a number: no checks, no fold, no
/// limits, no metrics.
pub(super) fn spike(dir: &Path) -> Fallible<()> {
    let db = sled::open(dir)?;
    let file = File::open(dir.join("db"))?;
    let (sender, mut queue) = mpsc::channel::<Waiting>(4096);
    thread::spawn(move || {
        let (mut group, mut position) = (Vec::new(), 0_u64);
        while queue.blocking_recv_many(&mut group, GROUP_MAX) > 0 {
            let mut packed = Vec::new();
            for (webhook, _) in &group {
                packed.extend(webhook.appointment_id.to_be_bytes());
                packed.extend(webhook.event_type.as_bytes());
                packed.push(b'\n');
            }
            db.insert(position.to_be_bytes(), packed).and_then(|_| db.flush()).expect("sled writes");
            file.sync_data().expect("sled's file is synced");
            for (_, answer) in group.drain(..) {
                position += 1;
                let _ = answer.send(position);
            }
        }
    });
    let webhook = warp::path!("webhook" / String).and(warp::post()).and(warp::body::json()).then(
        move |_key: String, webhook: Webhook| {
            let sender = sender.clone();
            async move {
                let (answer, position) = oneshot::channel();
                let _ = sender.send((webhook, answer)).await;
                format!(r#"{{"position":"{}"}}"#, position.await.unwrap_or_default())
            }
        },
    );
    let metrics = warp::path!("metrics").map(String::new);
    let service = TowerToHyperService::new(warp::service(webhook.or(metrics).unify()));
    serve(|stream| http1::Builder::new().serve_connection(stream, service.clone()))
}

/// Reads each request's body and answers at once.
pub(super) fn hyper() -> Fallible<()> {
    let answer = async |request: Request<Incoming>| {
        let _body = request.into_body().collect().await;
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(br#"{"position":"1"}"#))))
    };
    serve(move |stream| http1::Builder::new().serve_connection(stream, service_fn(answer)))
}

/// Prints where it listens, and serves until standard input ends.
fn serve<F: Future<Output: Send> + Send + 'static>(connection: impl Fn(TokioIo<TcpStream>) -> F) -> Fallible<()> {
    let runtime = Runtime::new()?;
    let listener = runtime.block_on(TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))))?;
    println!("{}", listener.local_addr()?);
    std::io::stdout().flush()?;
    thread::spawn(|| {
        let _ = std::io::stdin().lock().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    runtime.block_on(async {
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(connection(TokioIo::new(stream)));
        }
    })
}
