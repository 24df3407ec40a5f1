//! The server: Tokio accepts connections, hyper reads requests and writes responses on them, and
//! axum finds the function that answers a request.
//!
//! *Asynchronous* code has *tasks* in place of threads. A task that waits, at an `await`, gives its
//! thread to another task. So a few threads serve thousands of connections.
//!
//! A *handler* is a function for one method on one path. Its parameters are *extractors*: each
//! takes a part of the request, or refuses the request. A *layer* wraps all handlers: it gets each
//! request before them, and each response after them.

use crate::http::{HttpError, parse_digits};
use crate::messages::{Messages, status};
use anyhow::{Context, Result, anyhow, ensure};
use axum::extract::{Extension, FromRequest, FromRequestParts, Request, State};
use axum::http::header::{ALLOW, CONNECTION, CONTENT_TYPE, EXPECT, HOST, LOCATION, RETRY_AFTER};
use axum::http::header::{HeaderValue, TRANSFER_ENCODING};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, StatusCode, Uri, Version};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::{Router, routing::get};
use hyper::body::Body;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use jiff::Timestamp;
use std::collections::HashMap;
use std::io::{ErrorKind, Write};
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::process;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::select;
use tokio::sync::Semaphore;
use tokio::time::sleep;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_http::add_extension::AddExtension;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;
use tracing::{debug, info};
use tracing_appender::non_blocking::NonBlocking;

/// The limits of a request. hyper or a layer checks each of them but the first.
const MAX_TARGET_BYTES: usize = 8 << 10;
const MAX_HEAD_BYTES: usize = 16 << 10;
const MAX_FIELDS: usize = 100;
const MAX_BODY_BYTES: usize = 64 << 10;

/// How long the server waits when the system has no file descriptor for one more connection.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(50);

/// How long a lingering close reads at the most.
const LINGER_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the server waits, at its end, for the requests that it is serving.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// Listens on `addr` (HOST:PORT) and serves the connections that come.
/// The messages are in the store that `db` names.
/// A client has `timeout` to send the head of a request, again for its body, and for each part of
/// the response that it takes.
/// Each connection has a task, and `max_connections` are served at the same time.
/// A signal makes the server finish its requests and end.
///
/// # Errors
/// An address that is in use.
/// A store that cannot be used.
pub fn run(
    addr: &str,
    db: &str,
    timeout: Duration,
    max_connections: usize,
    log: NonBlocking,
) -> Result<()> {
    let runtime = Runtime::new().context("cannot start the threads of the runtime")?;
    let result = runtime.block_on(listen(addr, db, timeout, max_connections, log));
    // A call that blocks, such as the look-up of a name, is not waited for.
    runtime.shutdown_background();
    result
}

/// Accepts connections until a signal comes, and then waits for the requests under way.
async fn listen(
    addr: &str,
    db: &str,
    timeout: Duration,
    max_connections: usize,
    mut log: NonBlocking,
) -> Result<()> {
    let listener = TcpListener::bind(addr).await.map_err(|error| {
        anyhow!(
            "cannot listen on {addr}: {error}; \
             choose another address, such as --addr 127.0.0.1:0 for a free port"
        )
    })?;
    let app = router(Messages::open(db).await?, listener.local_addr()?, timeout);
    let stopping = CancellationToken::new();
    stop_on_signal(stopping.clone())?;
    let _ = writeln!(log, "listening on {}", listener.local_addr()?);
    let permits = Arc::new(Semaphore::new(max_connections));
    let mut clients: HashMap<IpAddr, Arc<Semaphore>> = HashMap::new();
    // With 8 permits or more, one address gets seven eighths, so that others are left.
    let max_of_client = max_connections - max_connections / 8;
    let tasks = TaskTracker::new();
    loop {
        let accepted = select! {
            accepted = listener.accept() => accepted,
            () = stopping.cancelled() => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                info!("cannot accept a connection: {error}");
                // A connection that the client closed in the queue is gone: the next one can come.
                if error.kind() != ErrorKind::ConnectionAborted {
                    sleep(ACCEPT_RETRY_DELAY).await;
                }
                continue;
            }
        };
        debug!("{peer} accepted a connection");
        clients.retain(|_, client| client.available_permits() < max_of_client);
        let client = clients.entry(peer.ip());
        let client = client.or_insert_with(|| Arc::new(Semaphore::new(max_of_client))).clone();
        let (Ok(permit), Ok(permit_of_client)) =
            (permits.clone().try_acquire_owned(), client.try_acquire_owned())
        else {
            reject(&stream, peer);
            continue;
        };
        let (app, stopping) = (app.clone(), stopping.clone());
        tasks.spawn(async move {
            serve(stream, peer, app, timeout, stopping).await;
            drop((permit, permit_of_client));
        });
    }
    drop(listener);
    info!("stopping");
    tasks.close();
    let _ = tokio::time::timeout(SHUTDOWN_TIMEOUT, tasks.wait()).await;
    info!("stopped; connections that were cut off: {}", tasks.len());
    Ok(())
}

/// Handles signals. The first one cancels `stopping`. The second one ends the program at once.
#[cfg(unix)]
fn stop_on_signal(stopping: CancellationToken) -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut hangup = signal(SignalKind::hangup())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        loop {
            select! {
                _ = hangup.recv() => {}
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if stopping.is_cancelled() {
                process::exit(1);
            }
            stopping.cancel();
        }
    });
    Ok(())
}

/// Windows has none of these signals. There Ctrl-C ends the program at once.
#[cfg(not(unix))]
fn stop_on_signal(_: CancellationToken) -> Result<()> {
    Ok(())
}

/// Answers a connection for which there is no permit, without waiting for the client.
fn reject(stream: &TcpStream, peer: SocketAddr) {
    info!("{peer} too many connections: 503 Service Unavailable");
    let _ = stream.try_write(plain_response(StatusCode::SERVICE_UNAVAILABLE).as_bytes());
    let _ = socket2::SockRef::from(stream).shutdown(std::net::Shutdown::Write);
    // To close a socket that has unread data would be a reset. What has come by now is read.
    let _ = stream.try_read(&mut [0; 16 << 10]);
}

/// Makes a response without hyper, for a connection that hyper does not serve (any more).
fn plain_response(status: StatusCode) -> String {
    let date = Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT");
    let retry = if status == 503 { "Retry-After: 1\r\n" } else { "" };
    let length = "Content-Length: 0\r\nConnection: close\r\n";
    format!("HTTP/1.1 {status}\r\nDate: {date}\r\n{length}{retry}\r\n")
}

/// Serves one connection, and closes it so that the response arrives. Logs an error.
async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    app: Router,
    timeout: Duration,
    stopping: CancellationToken,
) {
    let _ = stream.set_nodelay(true);
    let mut stream = Box::pin(TimeoutStream::new(stream));
    stream.as_mut().set_write_timeout_pinned(Some(timeout));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(timeout)
        .half_close(true)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_FIELDS)
        .title_case_headers(true);
    let service = TowerToHyperService::new(AddExtension::new(app, peer));
    let result = {
        let mut connection = pin!(http.serve_connection(TokioIo::new(&mut stream), service));
        select! {
            result = connection.as_mut() => result,
            () = stopping.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    };
    if let Err(error) = result {
        info!("{peer} the connection failed: {error}");
        if error.is_timeout() {
            let response = plain_response(StatusCode::REQUEST_TIMEOUT);
            let _ = stream.write_all(response.as_bytes()).await;
        }
    }
    // A lingering close: if there is unread data, a close would be a reset.
    let _ = stream.shutdown().await;
    let mut sink = tokio::io::sink();
    let linger = tokio::time::timeout(LINGER_TIMEOUT, tokio::io::copy(&mut stream, &mut sink));
    stopping.run_until_cancelled(linger).await;
}

/// Makes the application: which handler answers which request, and what wraps them.
fn router(messages: Messages, local_addr: SocketAddr, timeout: Duration) -> Router {
    Router::new()
        .route("/", get(list).post(add).fallback(list_allows))
        .route("/{index}", get(show).put(replace).fallback(message_allows))
        .fallback(not_found)
        .with_state(messages)
        .layer(RequestBodyLimitLayer::new(MAX_BODY_BYTES))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, timeout * 3))
        .layer(Extension(BodyTimeout(timeout)))
        .layer(from_fn(move |peer, request, next| check_and_log(local_addr, peer, request, next)))
}

/// Answers `GET /` and `HEAD /`.
async fn list(State(messages): State<Messages>) -> Result<impl IntoResponse, Failure> {
    Ok(([(CONTENT_TYPE, "application/json")], messages.list().await?))
}

/// Answers `POST /`.
async fn add(
    State(messages): State<Messages>,
    Text(text): Text,
) -> Result<impl IntoResponse, Failure> {
    let index = messages.add(text.clone()).await?;
    Ok((StatusCode::CREATED, [(LOCATION, format!("/{index}"))], text))
}

/// Answers the other methods on `/`.
async fn list_allows(method: Method) -> Response {
    allow(&method, "GET, HEAD, POST")
}

/// Answers `GET /0` and `HEAD /0`.
async fn show(message: Existing) -> String {
    message.text
}

/// Answers `PUT /0`.
async fn replace(
    message: Existing,
    State(messages): State<Messages>,
    Text(text): Text,
) -> Result<String, Failure> {
    messages.replace(message.index, text.clone()).await?;
    Ok(text)
}

/// Answers the other methods on `/0`.
async fn message_allows(_: Existing, method: Method) -> Response {
    allow(&method, "GET, HEAD, PUT")
}

/// Answers requests for any other path, and `OPTIONS *`.
async fn not_found(method: Method, uri: Uri) -> Response {
    if uri.path() == "*" {
        return allow(&method, "GET, HEAD, POST, PUT");
    }
    error_response(StatusCode::NOT_FOUND)
}

/// Answers OPTIONS with the methods that a target allows, and any other method with 405.
fn allow(method: &Method, allow: &'static str) -> Response {
    let fields = [(ALLOW, allow)];
    if method == Method::OPTIONS {
        return (StatusCode::NO_CONTENT, fields).into_response();
    }
    (fields, error_response(StatusCode::METHOD_NOT_ALLOWED)).into_response()
}

/// Makes a response that refuses a request. Its body repeats the status, for a person to read.
fn error_response(status: StatusCode) -> Response {
    (status, format!("{status}\n")).into_response()
}

/// An extractor: the message that the path names. It comes before the extractor of the body. So if
/// there is no such message, the body is not read.
struct Existing {
    index: i64,
    text: String,
}

impl FromRequestParts<Messages> for Existing {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, messages: &Messages) -> Result<Self, Failure> {
        // axum's own extractor for paths would take `/%30` and `/+0`, too.
        let digits = parts.uri.path().trim_start_matches('/');
        let index = parse_digits(digits).and_then(|index| i64::try_from(index).ok());
        let missing = HttpError(404, "no such message");
        let Some(index) = index else { return Err(missing.into()) };
        let text = messages.get(index).await?.ok_or(missing)?;
        Ok(Existing { index, text })
    }
}

/// How long a client may take for a body.
#[derive(Clone, Copy)]
struct BodyTimeout(Duration);

/// An extractor: the body. Its deadline is not that of the store. So 408 always means that nothing
/// was stored.
struct Text(String);

impl FromRequest<Messages> for Text {
    type Rejection = Response;

    async fn from_request(request: Request, messages: &Messages) -> Result<Text, Response> {
        let limit = request.extensions().get().map_or(Duration::ZERO, |BodyTimeout(limit)| *limit);
        match tokio::time::timeout(limit, String::from_request(request, messages)).await {
            Ok(text) => text.map(Text).map_err(IntoResponse::into_response),
            Err(_) => Err(error_response(StatusCode::REQUEST_TIMEOUT)),
        }
    }
}

/// What a handler returns if it cannot do the request. axum makes a response of it.
struct Failure(anyhow::Error);

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Failure {
        Failure(error.into())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(status(&self.0)).unwrap_or_default();
        if status.is_server_error() {
            info!("{:#}", self.0);
        }
        error_response(status)
    }
}

/// Wraps all handlers: refuses what neither hyper nor axum refuses, and logs a line.
async fn check_and_log(
    local_addr: SocketAddr,
    Extension(peer): Extension<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let start = Instant::now();
    let line = format!("{} {:.200}", request.method(), request.uri().to_string());
    // The log must not get characters that hide or reverse the text around them.
    let line = line.escape_debug();
    debug!("{peer} → {line} {:?}", request.headers());
    let has_body = !request.body().is_end_stream();
    let mut response = match check(&request, local_addr) {
        Ok(()) => next.run(request).await,
        Err(error) => Failure::from(error).into_response(),
    };
    let status = response.status();
    let is_whole = !has_body && (status == 404 || status == 405);
    if (status.is_client_error() || status == 501) && !is_whole {
        // hyper does not read the rest of a body, and closes the connection. This field says so.
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    if status == 503 {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    debug!("{peer} ← {status} {:?}", response.headers());
    let bytes = response.body().size_hint().exact().unwrap_or_default();
    let (status, time) = (status.as_u16(), start.elapsed().as_micros());
    info!("{peer} {line} → {status}, {bytes} bytes, {time} µs");
    response
}

/// Checks the head of a request.
fn check(request: &Request, local_addr: SocketAddr) -> Result<()> {
    let (uri, fields) = (request.uri(), request.headers());
    ensure!(uri.to_string().len() <= MAX_TARGET_BYTES, HttpError(414, "the target is too long"));
    let hosts: Vec<_> = fields.get_all(HOST).iter().collect();
    let is_valid = match hosts.as_slice() {
        [] => request.version() == Version::HTTP_10,
        [host] => host.to_str().is_ok_and(is_authority),
        _ => false,
    };
    ensure!(is_valid, HttpError(400, "the request needs one Host field"));
    ensure!(request.method() != Method::CONNECT, HttpError(501, "this server is no proxy"));
    let is_asterisk = uri.path() == "*" && request.method() == Method::OPTIONS;
    let is_target = is_asterisk || uri.path().starts_with('/') && uri.path().bytes().all(is_plain);
    ensure!(is_target, HttpError(400, "this is no target"));
    ensure!(is_ours(uri, local_addr), HttpError(421, "the target is on another server"));
    ensure!(uri.query().is_none(), HttpError(404, "no resource has a query"));
    ensure!(has_only(fields, EXPECT, "100-continue"), HttpError(417, "unknown expectation"));
    ensure!(has_only(fields, TRANSFER_ENCODING, "chunked"), HttpError(501, "unknown coding"));
    Ok(())
}

/// Returns whether a path can have this byte (RFC 3986, section 3.3). hyper accepts more.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"#\"<>\\^`{|}".contains(&byte)
}

/// Returns whether `text` is a host, and after a colon a port (RFC 3986, section 3.2.2).
fn is_authority(text: &str) -> bool {
    let Ok(authority) = text.parse::<Authority>() else { return false };
    let port = text.strip_prefix(authority.host()).map(|rest| rest.trim_start_matches(':'));
    !authority.host().is_empty()
        && port.is_some_and(|port| port.bytes().all(|b| b.is_ascii_digit()))
}

/// Returns whether a target in absolute form is on this server (RFC 9112, section 3.2.2).
fn is_ours(uri: &Uri, local_addr: SocketAddr) -> bool {
    let Some(authority) = uri.authority() else { return true };
    let (ip, port) = (local_addr.ip().to_canonical(), local_addr.port());
    let names = [SocketAddr::new(ip, port).to_string(), format!("localhost:{port}")];
    let authority = authority.as_str().to_ascii_lowercase();
    uri.scheme_str() == Some("http")
        && (names.contains(&format!("{authority}:80")) || names.contains(&authority))
}

/// Returns whether there is no field `name`, or a single one, with `value`.
fn has_only(fields: &HeaderMap, name: axum::http::HeaderName, value: &str) -> bool {
    let values: Vec<_> = fields.get_all(name).iter().collect();
    values.len() < 2
        && values.iter().all(|found| found.as_bytes().eq_ignore_ascii_case(value.as_bytes()))
}
