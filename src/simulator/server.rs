//! The listener and its connections. Each connection is a task; when the server ends, so do they.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::route::route;
use super::state::Shared;
use super::wire::{Socket, Wire};

/// Room for a whole fleet that connects at the same moment.
const BACKLOG: u32 = 4096;

pub(super) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A simulator that was stopped can come back on its port at once.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, Arc::clone(&shared)));
                }
                // Out of file descriptors, most likely: some will be free again.
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            },
        }
    }
    drop(listener);
    shared.stop();
    connections.shutdown().await;
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    // Only a delay is lost without it.
    let _ = stream.set_nodelay(true);
    let wire = Wire::new(&shared);
    let socket = TokioIo::new(Socket::new(stream, Arc::clone(&wire)));
    let service = service_fn(move |request| route(Arc::clone(&shared), Arc::clone(&wire), request));
    // How a connection ends is told by the calls on it.
    let _ = http1::Builder::new().writev(false).serve_connection(socket, service).await;
}
