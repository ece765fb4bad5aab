//! Connections to the database that no other program can open.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, Shutdown};
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll};

use dynoxide::Database;
use hyper::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tower_service::Service;

/// Opens the connections of a client to the database.
///
/// dynoxide serves only TCP listeners. A listener that stays open is an address that the
/// guard does not cover. So each connection has its own listener and server, and the listener
/// is closed once the connection is accepted.
#[derive(Clone)]
pub(super) struct Connector {
    database: Database,
}

impl Connector {
    pub(super) fn new(database: Database) -> Self {
        Self { database }
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").finish_non_exhaustive()
    }
}

impl Service<Uri> for Connector {
    type Response = DatabaseConnection;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<DatabaseConnection>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _uri: Uri) -> Self::Future {
        Box::pin(DatabaseConnection::open(self.database.clone()))
    }
}

/// A connection and its server.
pub(super) struct DatabaseConnection {
    stream: TokioIo<TcpStream>,
    /// Never polled again, so it accepts nothing else. Dropping it would end the connection.
    _server: Server,
}

type Server = Pin<Box<dyn Future<Output = ()> + Send>>;

impl DatabaseConnection {
    async fn open(database: Database) -> io::Result<Self> {
        let listener = listen()?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let same_socket = OwnedFd::from(listener.try_clone()?);
        let listener = TcpListener::from_std(listener)?;
        let mut server: Server = Box::pin(dynoxide::server::serve_on(listener, database));
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        tokio::select! {
            () = &mut server => return Err(io::Error::other("the database's server ended")),
            answered = wait_for_answer(&mut stream) => answered?,
        }
        // Closes the listener, and connections that still wait. A system without this call
        // keeps a listener that answers nobody.
        let _ = std::net::TcpStream::from(same_socket).shutdown(Shutdown::Both);
        Ok(Self {
            stream: TokioIo::new(stream),
            _server: server,
        })
    }
}

/// Listens on an address that a page cannot guess in the time for which it is open, about
/// 0.2 ms. Linux answers on all of 127.0.0.0/8; elsewhere the address is 127.0.0.1.
fn listen() -> io::Result<std::net::TcpListener> {
    let byte = || fastrand::u8(1..255);
    let random = Ipv4Addr::new(127, byte(), byte(), byte());
    std::net::TcpListener::bind((random, 0))
        .or_else(|_| std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
}

/// Returns when the server has answered a request without a body, so it has accepted the
/// connection.
async fn wait_for_answer(stream: &mut TcpStream) -> io::Result<()> {
    stream
        .write_all(b"HEAD / HTTP/1.1\r\nhost: database\r\n\r\n")
        .await?;
    let mut lines = BufReader::new(stream).lines();
    loop {
        match lines.next_line().await? {
            Some(line) if line.is_empty() => return Ok(()),
            Some(_header) => {}
            None => return Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

impl Connection for DatabaseConnection {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for DatabaseConnection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl Write for DatabaseConnection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
