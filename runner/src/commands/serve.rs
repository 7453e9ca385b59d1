//! `piton serve`: the page of a run, as it goes on.
//!
//! One thread looks on and makes what has changed, once for all who have the page open; another answers them. Nobody who is slow, and
//! nobody who leaves without a word, keeps the others waiting: each is sent the latest, whenever he has taken what came before. Who
//! says nothing, or takes too long, is sent away, and first of all where there is no room for others ([`super::guests`]).

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::sse::{KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::args::{ServeArgs, Which};
use super::frames::{self, PageFrame, Viewer};
use super::guests::{Guest, Guests, Patient, Welcome};
use super::{note, report, stop};
use crate::commands::access::{Door, Knock, Login};
use piton_climb::follow::{self, Change, RunFollower};
use piton_core::base::error::{Context, Error, Result, exit};
use piton_core::report::html::{self, Served};
use piton_system::clock;
use piton_system::git::Repo;
use piton_system::host;
use piton_system::process::EndRequests;
use piton_system::terminal;

/// Where it listens unless somebody says otherwise.
const PORT: u16 = 7480;
/// How often it is looked whether anything is new.
const EVERY: Duration = Duration::from_millis(50);
/// Most pages that are kept up to date at once, and most of them that are open where nobody knows the token.
const MOST: (usize, usize) = (64, 32);
/// Files that this process wants to be able to have open, and how many of them are no guest's.
const FILES: (u64, u64) = (1024, 64);
/// How long somebody may take to say what he wants: for the head of a request, and then for the rest of it.
const TO_ASK: Duration = Duration::from_secs(10);
/// After so long it is tried again to let somebody in, where there was no room.
const NO_ROOM: Duration = Duration::from_millis(20);
/// Longest request, in bytes: a note has four thousand characters.
const LONGEST: usize = 64 << 10;

const WHAT: &str = "nothing is served";

/// Serves until Ctrl-C.
///
/// # Errors
/// No repository, a run that is not there, an address that cannot be had.
pub(super) fn run(dir: &Path, args: &ServeArgs) -> Result<u8> {
    let repo = Repo::open(dir)?;
    let asked = EndRequests::install()?;
    let mut follower = RunFollower::new(repo, args.run.clone());
    follower.refresh();
    follow::require_named_run(&follower)?;
    let listener = listen(args.listen)?;
    let address = listener.local_addr().context(WHAT)?;
    let door = Door::new(address, args.token, &args.name, secret()?, secret()?);
    let (loopback, url) = (door.loopback, url(address, &door.token));
    let eye = Mutex::new(Eye { follower, pending: Change::Nothing });
    let shared = Arc::new(ServerState {
        dir: dir.to_owned(),
        wanted: args.run.clone(),
        door,
        eye,
        drawing: Mutex::new(()),
        frames: watch::Sender::new(None),
        open: AtomicUsize::new(0),
    });
    listener.set_nonblocking(true).context(WHAT)?;
    let served = Arc::clone(&shared);
    let server = std::thread::spawn(move || answer(listener, served));
    if !loopback {
        terminal::tell("whoever has this address may stop the climb; it crosses the network unencrypted");
    }
    terminal::answer(&url);
    terminal::tell("Ctrl-C ends it");
    // A measurement may be going on.
    host::lower_priority();
    let mut shown = None;
    while !asked.interrupted() && !asked.asked_to_end() && !server.is_finished() {
        shared.project(&mut shown);
        clock::wait(EVERY);
    }
    if server.is_finished() {
        server.join().unwrap_or_else(|_| Err(Error::new("piton serve ended")))?;
    }
    Ok(exit::DONE)
}

fn listen(at: Option<SocketAddr>) -> Result<TcpListener> {
    let usual = SocketAddr::from(([127, 0, 0, 1], PORT));
    let bound = match at {
        Some(address) => TcpListener::bind(address),
        None => {
            TcpListener::bind(usual).or_else(|_| TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))))
        }
    };
    bound.map_err(|e| {
        let address = at.unwrap_or(usual);
        let error = Error::refused(WHAT).cause(format!("{address} cannot be listened at: {e}"));
        error.hint("piton serve --listen 127.0.0.1:0 takes a port that is free")
    })
}

fn url(address: SocketAddr, token: &str) -> String {
    let host = match address.ip() {
        // All addresses of this machine: its name is one that others may know it by.
        ip if ip.is_unspecified() => format!("{}:{}", host::name(), address.port()),
        _ => address.to_string(),
    };
    format!("http://{host}/?token={token}")
}

/// 128 bits that nobody can guess.
fn secret() -> Result<String> {
    Ok(format!("{:016x}{:016x}", host::fresh_seed()?, host::fresh_seed()?))
}

/// Who looks on, and what was seen since the frame before.
struct Eye {
    follower: RunFollower,
    pending: Change,
}

struct ServerState {
    dir: PathBuf,
    wanted: Option<String>,
    door: Door,
    eye: Mutex<Eye>,
    /// Held while a page is drawn: one at a time.
    drawing: Mutex<()>,
    frames: watch::Sender<Option<Arc<PageFrame>>>,
    /// Pages that are kept up to date.
    open: AtomicUsize,
}

impl ServerState {
    fn look(&self) -> MutexGuard<'_, Eye> {
        let mut eye = self.eye.lock().unwrap_or_else(PoisonError::into_inner);
        eye.pending = eye.follower.refresh().max(eye.pending);
        eye
    }

    /// Makes the next frame, where somebody has the page open and anything is new.
    fn project(&self, shown: &mut Option<Arc<PageFrame>>) {
        if self.frames.receiver_count() == 0 {
            if shown.take().is_some() {
                self.frames.send_replace(None);
            }
            return;
        }
        let mut eye = self.look();
        let change = std::mem::replace(&mut eye.pending, Change::Nothing);
        if change > Change::Nothing || shown.is_none() {
            let next = shown.as_deref().unwrap_or(&PageFrame::default()).next(
                &eye.follower,
                change,
                shown.is_none(),
            );
            drop(eye);
            let next = Arc::new(next);
            self.frames.send_replace(Some(Arc::clone(&next)));
            *shown = Some(next);
        }
    }

    /// The page as it is now; with buttons for who is `known`.
    fn page(&self, known: bool, nonce: &str) -> Result<String> {
        let _drawing = self.drawing.lock().unwrap_or_else(PoisonError::into_inner);
        let (followed, live) = {
            let eye = self.look();
            (eye.follower.followed().cloned(), eye.follower.live().clone())
        };
        let diffs = match &followed {
            Some(followed) => report::diffs(&Repo::open(&self.dir)?, &followed.records),
            None => Default::default(),
        };
        let view = followed.as_ref().map(|followed| frames::of(followed, &diffs));
        let nothing = follow::no_run_text(self.wanted.as_deref(), live.now.as_ref());
        let key = known.then_some(self.door.key.as_str());
        let served = Served { key, nonce, at: clock::unix(), nothing: &nothing };
        Ok(html::live(view.as_ref(), &live, served))
    }
}

/// Answers until this process ends.
fn answer(listener: TcpListener, shared: Arc<ServerState>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context(WHAT)?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener).context(WHAT)?;
        let app = Router::new()
            .route("/", get(whole))
            .route("/events", get(events))
            .route("/stop", post(press_stop))
            .route("/note", post(press_note))
            .fallback(|| async { (StatusCode::NOT_FOUND, "there is nothing here; the page is at /\n") })
            .layer(DefaultBodyLimit::max(LONGEST))
            .layer(middleware::from_fn_with_state(Arc::clone(&shared), guard))
            .with_state(shared);
        let room = host::open_at_most(FILES.0).saturating_sub(FILES.1).clamp(8, FILES.0);
        let guests = Arc::new(Guests::new(room as usize));
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(NO_ROOM).await;
                continue;
            };
            if let Some(welcome) = guests.welcome() {
                tokio::spawn(attend(stream, app.clone(), welcome));
            }
            // Whoever was sent away for this one goes now.
            tokio::task::yield_now().await;
        }
    })
}

/// Answers one guest for as long as he is here.
async fn attend(stream: TcpStream, app: Router, welcome: Welcome) {
    // An event is small, and waits for nothing.
    let _ = stream.set_nodelay(true);
    let app = app.layer(Extension(welcome.guest()));
    let answered = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(TO_ASK)
        .max_buf_size(LONGEST)
        .serve_connection(TokioIo::new(Patient::new(stream)), TowerToHyperService::new(app));
    tokio::select! {
        // How it ended is the guest's own business.
        _ = answered => {}
        () = welcome.sent_away() => {}
    }
}

fn knock<'a>(uri: &'a Uri, headers: &'a HeaderMap, asked: Option<&'a str>) -> Knock<'a> {
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let one = headers.get_all(header::HOST).iter().nth(1).is_none();
    Knock {
        host: text(header::HOST).filter(|_| one),
        target: uri.authority().map(|authority| authority.as_str()),
        // One that is no text is somebody's all the same.
        origin: headers.get(header::ORIGIN).map(|value| value.to_str().unwrap_or_default()),
        site: text(header::HeaderName::from_static("sec-fetch-site")),
        asked,
        bearer: text(header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer ")),
        cookies: text(header::COOKIE),
    }
}

/// A value of a form, or of what stands behind the question mark.
fn field(form: &[u8], name: &str) -> Option<String> {
    let mut fields = form_urlencoded::parse(form);
    fields.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

fn query(uri: &Uri, name: &str) -> Option<String> {
    field(uri.query().unwrap_or_default().as_bytes(), name)
}

/// Whether who asks knows the token.
#[derive(Debug, Clone, Copy)]
struct KnowsToken(bool);

/// Lets in who may come in, and sees to it that no browser makes anything else of an answer.
async fn guard(
    State(shared): State<Arc<ServerState>>,
    Extension(guest): Extension<Arc<Guest>>,
    request: Request,
    next: Next,
) -> Response {
    let asked = query(request.uri(), "token");
    let entry = shared.door.enter(&knock(request.uri(), request.headers(), asked.as_deref()));
    guest.asked(matches!(entry, Login::Open { known: true } | Login::Keep));
    let mut response = match entry {
        Login::Open { known } => match whole_request(request).await {
            Ok(mut request) => {
                request.extensions_mut().insert(KnowsToken(known));
                next.run(request).await
            }
            Err(response) => response,
        },
        Login::Keep => {
            let Door { cookie, token, .. } = &shared.door;
            let cookie = format!("{cookie}={token}; HttpOnly; SameSite=Strict; Path=/");
            (StatusCode::SEE_OTHER, [(header::LOCATION, "/".to_owned()), (header::SET_COOKIE, cookie)])
                .into_response()
        }
        Login::Shut(why) => refused(StatusCode::FORBIDDEN, why),
        Login::Unknown => {
            refused(StatusCode::UNAUTHORIZED, "open the address that piton serve printed: it holds a token")
        }
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        // Without any, a browser would send its buttons' origin as null.
        (header::REFERRER_POLICY, "same-origin"),
    ] {
        headers.insert(name, header::HeaderValue::from_static(value));
    }
    response
}

/// The request with its body, which is short, and comes soon or never.
async fn whole_request(request: Request) -> std::result::Result<Request, Response> {
    let (head, body) = request.into_parts();
    match tokio::time::timeout(TO_ASK, axum::body::to_bytes(body, LONGEST)).await {
        Ok(Ok(body)) => Ok(Request::from_parts(head, body.into())),
        Ok(Err(_)) => Err(refused(StatusCode::PAYLOAD_TOO_LARGE, "the request is too long, or was cut off")),
        Err(_) => Err(refused(StatusCode::REQUEST_TIMEOUT, "the request took too long")),
    }
}

fn refused(status: StatusCode, why: &str) -> Response {
    (status, format!("refused: {why}\n")).into_response()
}

/// Does what takes time where it keeps nobody else waiting.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|e| Err(Error::new("it was not done").cause(e)))
}

/// A page with its one script.
fn html(status: StatusCode, nonce: &str, page: String) -> Response {
    let policy = format!(
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-{nonce}'; connect-src 'self'; img-src data:; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (header::CONTENT_SECURITY_POLICY, policy),
    ];
    (status, headers, page).into_response()
}

fn failed(error: &Error) -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response()
}

async fn whole(
    State(shared): State<Arc<ServerState>>,
    Extension(KnowsToken(known)): Extension<KnowsToken>,
) -> Response {
    let made = apart(move || {
        let nonce = secret()?;
        shared.page(known, &nonce).map(|page| (nonce, page))
    });
    match made.await {
        Ok((nonce, page)) => html(StatusCode::OK, &nonce, page),
        Err(error) => failed(&error),
    }
}

/// One of the pages that are kept up to date.
struct PageSlot(Arc<ServerState>);

impl PageSlot {
    fn take(shared: &Arc<ServerState>, known: bool) -> Option<Self> {
        let place = Self(Arc::clone(shared));
        let most = if known { MOST.0 } else { MOST.1 };
        (shared.open.fetch_add(1, Ordering::Relaxed) < most).then_some(place)
    }
}

impl Drop for PageSlot {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn events(
    State(shared): State<Arc<ServerState>>,
    Extension(KnowsToken(known)): Extension<KnowsToken>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let Some(place) = PageSlot::take(&shared, known) else {
        return refused(StatusCode::SERVICE_UNAVAILABLE, "too many pages are open; close one");
    };
    // A browser that was cut off says what it had last.
    let id = headers.get("last-event-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
    let last = id.or_else(|| query(&uri, "last")).and_then(|last| last.parse().ok());
    let run = query(&uri, "run").filter(|run| !run.is_empty());
    let viewer = Viewer::new(shared.frames.subscribe(), run, last, place);
    let events = futures_util::stream::unfold(viewer, |mut viewer| async move {
        let event = viewer.next().await?;
        Some((Ok::<_, Infallible>(event), viewer))
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))).into_response()
}

async fn press_stop(
    State(shared): State<Arc<ServerState>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    press(shared, (uri, headers), body, |shared, form| {
        let (now, run) = (field(form, "when").as_deref() == Some("now"), field(form, "run"));
        let state = Repo::open(&shared.dir)?.state_dir();
        Ok(stop::ask(&state, now, run.as_deref())?.words)
    })
    .await
}

async fn press_note(
    State(shared): State<Arc<ServerState>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    press(shared, (uri, headers), body, |shared, form| {
        let which = Which { run: field(form, "run"), json: false };
        let text = field(form, "text").unwrap_or_default();
        Ok(note::kept(&note::keep(&shared.dir, &text, None, &which)?))
    })
    .await
}

/// Has a button do what it does, where it was pressed on our own page, and tells what came of it.
async fn press(
    shared: Arc<ServerState>,
    (uri, headers): (Uri, HeaderMap),
    body: Bytes,
    act: impl FnOnce(&ServerState, &[u8]) -> Result<String> + Send + 'static,
) -> Response {
    if let Err(why) = shared.door.press(&knock(&uri, &headers, None), field(&body, "key").as_deref()) {
        return refused(StatusCode::FORBIDDEN, why);
    }
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let page = accepted.contains("text/html");
    let (status, words) = match apart(move || act(&shared, &body)).await {
        Ok(words) => (StatusCode::OK, words),
        Err(error) if error.status == exit::FAILED => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        Err(error) => (StatusCode::CONFLICT, error.to_string()),
    };
    match secret() {
        Ok(nonce) if page => html(status, &nonce, html::answer(&words, &nonce)),
        _ => (status, format!("{words}\n")).into_response(),
    }
}
