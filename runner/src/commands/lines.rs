//! Lines of JSON on their way to another program, in which nothing is hidden.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;

use piton_core::trial::text::plain_json;

/// A writer that hands on whole lines, as [`plain_json`] makes them.
#[derive(Debug)]
pub(super) struct LineWriter<W> {
    to: W,
    /// A line that has not ended yet.
    begun: Vec<u8>,
    /// What is to be written, and how much of it is.
    out: (Vec<u8>, usize),
}

impl<W: AsyncWrite + Unpin> LineWriter<W> {
    /// Lines that go `to` another writer.
    pub fn new(to: W) -> Self {
        Self { to, begun: vec![], out: (vec![], 0) }
    }

    fn hand_on(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.out.1 < self.out.0.len() {
            match ready!(Pin::new(&mut self.to).poll_write(context, &self.out.0[self.out.1..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                bytes => self.out.1 += bytes,
            }
        }
        self.out = (vec![], 0);
        Poll::Ready(Ok(()))
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for LineWriter<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.hand_on(context))?;
        self.begun.extend_from_slice(bytes);
        if let Some(end) = self.begun.iter().rposition(|byte| *byte == b'\n') {
            let rest = self.begun.split_off(end + 1);
            let lines = std::mem::replace(&mut self.begun, rest);
            self.out = (plain_json(&String::from_utf8_lossy(&lines)).into_bytes(), 0);
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.hand_on(context))?;
        Pin::new(&mut self.to).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.hand_on(context))?;
        Pin::new(&mut self.to).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::Waker;

    use super::*;

    #[test]
    fn a_line_that_comes_in_pieces_is_handed_on_whole_with_nothing_hidden_in_it() {
        let mut lines = pin!(LineWriter::new(vec![]));
        let mut context = Context::from_waker(Waker::noop());
        for piece in "{\"a\":\"é\u{202e}\u{e0041}\"}\n{\"b\":1}\n{".as_bytes().chunks(3) {
            assert!(matches!(lines.as_mut().poll_write(&mut context, piece), Poll::Ready(Ok(_))));
        }
        assert!(lines.as_mut().poll_flush(&mut context).is_ready());
        let written = String::from_utf8(lines.to.clone()).unwrap();
        assert_eq!(written, "{\"a\":\"é\\u202e\\udb40\\udc41\"}\n{\"b\":1}\n");
    }
}
