//! A small HTTP server: GET, and POST where it is wanted, one answer per connection. It knows no path.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, CONTENT_TYPE};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::admin::pool::{Bounds, ConnectionPool, ConnectionState};

/// The longest request, its headers included. Prometheus sends less than 1 KiB.
const MAX_REQUEST: usize = 16 << 10;
/// And so many headers at most.
const MAX_HEADERS: usize = 64;

/// Why there is no listener.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen for HTTP on {address}")]
pub struct Error {
    address: SocketAddr,
    source: io::Error,
}

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    /// The path, without a query.
    pub path: String,
    /// All headers `Accept`, joined by commas as RFC 9110 has it. None without one, and where one is not text.
    pub accept: Option<String>,
    pub body: RequestBody,
}

/// What a client sends with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestBody {
    /// Nothing: it is a GET.
    Absent,
    /// What it posts.
    Posted(Bytes),
    /// It posts more than is read, or ends early.
    Unreadable,
}

/// Whether a listener takes POST.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Posts {
    Refused,
    /// With a body of so many bytes at most.
    UpTo(usize),
}

impl HttpRequest {
    fn of(request: &Request<Incoming>) -> Self {
        let all = request.headers().get_all(ACCEPT).iter().map(|value| value.to_str().ok());
        let accept = all.collect::<Option<Vec<&str>>>().filter(|all| !all.is_empty());
        let path = request.uri().path().to_owned();
        Self { path, accept: accept.map(|all| all.join(",")), body: RequestBody::Absent }
    }

    /// Waits for what it posts.
    async fn posting(request: Request<Incoming>, most: usize) -> Self {
        let head = Self::of(&request);
        let read = Limited::new(request.into_body(), most).collect().await;
        Self { body: read.map_or(RequestBody::Unreadable, |body| RequestBody::Posted(body.to_bytes())), ..head }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpAnswer {
    pub outcome: HttpOutcome,
    /// What kind of text it is.
    pub content_type: &'static str,
    pub body: String,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpOutcome {
    /// 200.
    Good,
    /// 400.
    BadRequest,
    /// 404.
    NotFound,
    /// 503.
    Unavailable,
}

impl HttpOutcome {
    fn status(self) -> StatusCode {
        match self {
            Self::Good => StatusCode::OK,
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl HttpAnswer {
    /// Plain text.
    pub fn text(outcome: HttpOutcome, body: impl Into<String>) -> Self {
        Self { outcome, content_type: "text/plain; charset=utf-8", body: body.into() + "\n" }
    }
}

/// Takes the address. Needs a tokio runtime.
///
/// # Errors
/// When another process has it, or the system refuses.
pub fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    let listener = std::net::TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        TcpListener::from_std(listener)
    });
    listener.map_err(|source| Error { address, source })
}

/// Serves until it is dropped.
pub async fn serve<F: Future<Output = HttpAnswer> + 'static>(
    listener: TcpListener,
    bounds: Bounds,
    answer: impl Fn(HttpRequest) -> F + 'static,
) {
    let (pool, answer) = (ConnectionPool::new(bounds), Rc::new(answer));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, most likely: that may pass.
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        let answer = Rc::clone(&answer);
        pool.admit(|visit| connection(stream, visit, Posts::Refused, move |request| answer(request))).await;
    }
}

/// Answers the one request of a connection.
pub async fn connection<F: Future<Output = HttpAnswer>>(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    visit: ConnectionState,
    posts: Posts,
    answer: impl Fn(HttpRequest) -> F,
) {
    let (visit, answer) = (&visit, &answer);
    let service = service_fn(move |request: Request<Incoming>| async move {
        let response = match read(request, visit, posts).await {
            Some(request) => response(answer(request).await),
            None => with_status(StatusCode::METHOD_NOT_ALLOWED, Response::default()),
        };
        visit.answered();
        Ok::<_, Infallible>(response)
    });
    let mut server = hyper::server::conn::http1::Builder::new();
    server.keep_alive(false).max_buf_size(MAX_REQUEST).max_headers(MAX_HEADERS);
    // A client that does not use HTTP, or is gone, has what it has.
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}

/// The whole request; none of a method that is not served. Until all of it has come its client counts as silent.
async fn read(request: Request<Incoming>, visit: &ConnectionState, posts: Posts) -> Option<HttpRequest> {
    let read = match (request.method(), posts) {
        (&Method::GET | &Method::HEAD, _) => Some(HttpRequest::of(&request)),
        (&Method::POST, Posts::UpTo(most)) => Some(HttpRequest::posting(request, most).await),
        (_, Posts::Refused | Posts::UpTo(_)) => None,
    };
    visit.asked();
    read
}

fn response(answer: HttpAnswer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(answer.body)));
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(answer.content_type));
    with_status(answer.outcome.status(), response)
}

fn with_status(status: StatusCode, mut response: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    *response.status_mut() = status;
    response
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
