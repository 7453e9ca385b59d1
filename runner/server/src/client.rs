//! A streaming client: one connection for each request, and the time of each event.
//!
//! The clock starts when the connection stands and the request is about to be written, and an event's time is when it was read whole. One
//! thread does all of it: a client that needs several cores would be measured, too.

use std::time::Duration;

use eventsource_stream::Eventsource;
use futures_util::StreamExt;
use http_body_util::{BodyExt, BodyStream, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use piton_core::base::error::{Context, Result};
use piton_system::clock::Stopwatch;

use crate::answer::{Answer, AnswerEnd};
use crate::endpoint::Endpoint;
use crate::reading::{Reading, said};

/// Most of a refusal's body that is read, in bytes.
const REFUSAL: usize = 4096;

/// A server, and how it is asked.
#[derive(Debug, Clone)]
pub struct Client {
    /// Where.
    pub endpoint: Endpoint,
    /// Sent as a bearer token, where the server wants one.
    pub key: Option<String>,
    /// Limit of one request by the clock on the wall.
    pub timeout: Duration,
}

/// Runs `work` on this thread, with a clock and sockets.
///
/// # Errors
/// When the system gives no event queue.
pub fn block_on<T>(work: impl Future<Output = T>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build();
    Ok(runtime.context("no request was sent")?.block_on(work))
}

impl Client {
    /// Asks one question at `path` below the endpoint and reads the answer to its end.
    pub async fn ask(&self, path: &str, body: Vec<u8>) -> Answer {
        let path = format!("{}{path}", self.endpoint.base);
        // Whatever came before the limit is part of the answer.
        let mut reading = Reading::default();
        let mut refused = None;
        let asked =
            tokio::time::timeout(self.timeout, self.stream(&path, body, &mut reading, &mut refused)).await;
        match (asked, refused) {
            (_, Some(end)) => Answer::ended(end),
            (Err(_), None) => reading.finish(Some(AnswerEnd::Timeout)),
            (Ok(Err(text)), None) => Answer::ended(AnswerEnd::NoConnection { text: said(&text) }),
            (Ok(Ok(())), None) => reading.finish(None),
        }
    }

    async fn stream(
        &self,
        path: &str,
        body: Vec<u8>,
        reading: &mut Reading,
        refused: &mut Option<AnswerEnd>,
    ) -> std::result::Result<(), String> {
        let (answer, watch) = self.send(Method::POST, path, body).await?;
        let status = answer.status();
        if !status.is_success() {
            let text = beginning(answer.into_body()).await;
            *refused = Some(AnswerEnd::Http { status: status.as_u16(), text: said(&text) });
            return Ok(());
        }
        let frames = BodyStream::new(answer.into_body());
        let chunks = frames.filter_map(async |frame| match frame {
            Ok(frame) => frame.into_data().ok().map(Ok),
            Err(error) => Some(Err(error)),
        });
        let mut events = std::pin::pin!(chunks.eventsource());
        // A connection that breaks here leaves a stream without its end, and that is what is told.
        while let Some(Ok(event)) = events.next().await {
            if !reading.event(&event.event, &event.data, watch.seconds() * 1000.0) {
                break;
            }
        }
        Ok(())
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> std::result::Result<(Response<Incoming>, Stopwatch), String> {
        let socket = TcpStream::connect((self.endpoint.host.as_str(), self.endpoint.port));
        let socket = socket.await.map_err(|error| error.to_string())?;
        socket.set_nodelay(true).map_err(|error| error.to_string())?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(socket)).await.map_err(chain)?;
        // It ends with the connection, and the runtime with the last of them.
        tokio::spawn(connection);
        let request = Request::builder().method(method).uri(path).header(HOST, self.endpoint.authority());
        let request = request.header(CONTENT_TYPE, "application/json");
        let request = match &self.key {
            Some(key) => request.header(AUTHORIZATION, format!("Bearer {key}")),
            None => request,
        };
        let request = request.body(Full::new(Bytes::from(body))).map_err(|error| error.to_string())?;
        let watch = Stopwatch::start();
        let answer = sender.send_request(request).await.map_err(chain)?;
        Ok((answer, watch))
    }

    /// What a path of the server's own says: not below the endpoint's base.
    ///
    /// # Errors
    /// Words of what went wrong; a status that is no success is no error.
    pub async fn get(&self, path: &str) -> std::result::Result<(u16, String), String> {
        let got = async {
            let (answer, _) = self.send(Method::GET, path, vec![]).await?;
            let status = answer.status().as_u16();
            let body = answer.into_body().collect().await.map_err(chain)?.to_bytes();
            Ok((status, String::from_utf8_lossy(&body).into_owned()))
        };
        tokio::time::timeout(self.timeout, got).await.map_err(|_| "it did not answer in time".to_owned())?
    }

    /// The name of the first model that the server lists.
    pub async fn first_model(&self) -> Option<String> {
        let (_, text) = self.get(&format!("{}/models", self.endpoint.base)).await.ok()?;
        let list: serde_json::Value = serde_json::from_str(&text).ok()?;
        Some(list.pointer("/data/0/id")?.as_str()?.to_owned())
    }
}

/// An error of hyper's with what it hides.
fn chain(error: hyper::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    text
}

async fn beginning(mut body: Incoming) -> String {
    let mut bytes = vec![];
    while let Some(Ok(frame)) = body.frame().await {
        bytes.extend(frame.into_data().unwrap_or_default());
        if bytes.len() >= REFUSAL {
            break;
        }
    }
    bytes.truncate(REFUSAL);
    String::from_utf8_lossy(&bytes).into_owned()
}
