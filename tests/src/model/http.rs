//! As much of HTTP/1.1 as an agent's client needs of a server: one request, one answer, and the connection is closed.

use std::io::{BufRead, BufReader, Error, Read, Result, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// Largest request, in bytes.
const MOST: u64 = 16 << 20;

/// A request.
pub(super) struct Asked {
    pub method: String,
    pub path: String,
    /// Null where it is no JSON.
    pub body: Value,
}

/// Reads a request; none where the client has gone.
pub(super) fn read(stream: &TcpStream, longest: Duration) -> Result<Option<Asked>> {
    stream.set_read_timeout(Some(longest))?;
    let mut input = BufReader::new(stream).take(MOST);
    let mut line = String::new();
    input.read_line(&mut line)?;
    let mut words = line.split_ascii_whitespace().map(str::to_owned);
    let (Some(method), Some(path)) = (words.next(), words.next()) else { return Ok(None) };
    let mut length = 0;
    loop {
        let mut line = String::new();
        input.read_line(&mut line)?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().map_err(Error::other)?;
        }
    }
    let mut body = vec![0; length];
    input.read_exact(&mut body)?;
    Ok(Some(Asked { method, path, body: serde_json::from_slice(&body).unwrap_or_default() }))
}

/// Answers with a document.
pub(super) fn whole(
    mut stream: &TcpStream,
    status: u16,
    headers: &[(&str, &str)],
    body: &Value,
) -> Result<()> {
    let body = body.to_string();
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    write!(
        stream,
        "HTTP/1.1 {status} Scripted\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n{body}",
        body.len()
    )
}

/// Answers with events; without an `end`, the connection breaks.
pub(super) fn events(mut stream: &TcpStream, events: &[(Option<&str>, String)], end: bool) -> Result<()> {
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    )?;
    for (name, data) in events {
        let name = name.map_or_else(String::new, |name| format!("event: {name}\n"));
        let text = format!("{name}data: {data}\n\n");
        write!(stream, "{:x}\r\n{text}\r\n", text.len())?;
    }
    if end { write!(stream, "0\r\n\r\n") } else { Ok(()) }
}
