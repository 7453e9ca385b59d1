//! Who is connected where a run is served: how many there may be, who goes where there is no room, and how slow one may be.
//!
//! Whoever reaches the port can open connections and say nothing, send a request a byte at a time, or ask for a page and not read it. None
//! of that costs others their answer: the next one is always let in, and in his place goes who has said nothing for longest, then who does
//! not know the token; never who knows it.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{Sleep, sleep};

use piton_system::clock::Stopwatch;

/// How long a reader may be behind at all.
const BEHIND: Duration = Duration::from_secs(20);
/// And how many bytes a second he must have taken by then.
const LEAST: f64 = 16_384.0;
/// How often it is looked whether one is too slow.
const LOOK: Duration = Duration::from_secs(1);

/// What a guest has shown, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum GuestRank {
    /// No request of his has come in whole.
    Silent,
    /// One has, and he does not know the token.
    Stranger,
    /// He knows it.
    Known,
}

/// Who goes, so that another one may come: of those who have shown least the one who came first. Nobody whom the user let in.
fn who_goes(guests: impl Iterator<Item = (u64, GuestRank)>) -> Option<u64> {
    let strangers = guests.filter(|(_, standing)| *standing < GuestRank::Known);
    strangers.min_by_key(|(number, standing)| (*standing, *number)).map(|(number, _)| number)
}

/// Somebody who is connected.
#[derive(Debug)]
pub(super) struct Guest {
    standing: AtomicU8,
    away: Notify,
}

impl Guest {
    /// A request of his has come in; `known` where it holds the token.
    pub fn asked(&self, known: bool) {
        let standing = if known { GuestRank::Known } else { GuestRank::Stranger };
        self.standing.fetch_max(standing as u8, Ordering::Relaxed);
    }

    fn standing(&self) -> GuestRank {
        [GuestRank::Silent, GuestRank::Stranger, GuestRank::Known]
            [usize::from(self.standing.load(Ordering::Relaxed))]
    }
}

/// All of them.
#[derive(Debug)]
pub(super) struct Guests {
    most: usize,
    /// The number of the next, and those who are here by their numbers.
    here: Mutex<(u64, BTreeMap<u64, Arc<Guest>>)>,
}

impl Guests {
    /// Nobody yet, and `most` at once.
    pub fn new(most: usize) -> Self {
        Self { most, here: Mutex::default() }
    }

    /// Lets one in, in the place of another where there is no room; `None` where all who are here know the token.
    pub(crate) fn welcome(self: &Arc<Self>) -> Option<Welcome> {
        let mut here = self.here.lock().unwrap_or_else(PoisonError::into_inner);
        let (next, guests) = &mut *here;
        if guests.len() >= self.most {
            let goes = who_goes(guests.iter().map(|(number, guest)| (*number, guest.standing())))?;
            if let Some(guest) = guests.remove(&goes) {
                guest.away.notify_one();
            }
        }
        let guest = Arc::new(Guest { standing: AtomicU8::new(0), away: Notify::new() });
        let number = *next;
        *next += 1;
        guests.insert(number, Arc::clone(&guest));
        Some(Welcome { guests: Arc::clone(self), number, guest })
    }
}

/// A guest's place, given back when dropped.
#[derive(Debug)]
pub(super) struct Welcome {
    guests: Arc<Guests>,
    number: u64,
    guest: Arc<Guest>,
}

impl Welcome {
    /// Whose it is.
    pub(crate) fn guest(&self) -> Arc<Guest> {
        Arc::clone(&self.guest)
    }

    /// Waits until another one needs the place.
    pub(crate) async fn sent_away(&self) {
        self.guest.away.notified().await;
    }
}

impl Drop for Welcome {
    fn drop(&mut self) {
        self.guests.here.lock().unwrap_or_else(PoisonError::into_inner).1.remove(&self.number);
    }
}

/// Whether somebody who has been behind for so long, and has taken so many bytes since, is waited for no longer.
fn too_slow(may: Duration, behind: Duration, taken: u64) -> bool {
    behind > may && (taken as f64) < LEAST * behind.as_secs_f64()
}

/// A connection of which the other end must read what it has asked for.
#[derive(Debug)]
pub(super) struct Patient {
    stream: TcpStream,
    /// Since when there is something that was not taken at once, and how much was taken since.
    behind: Option<(Stopwatch, u64)>,
    /// How long he may be behind, and how often that is looked at.
    limits: (Duration, Duration),
    look: Pin<Box<Sleep>>,
}

impl Patient {
    /// Nothing is to be written yet.
    pub fn new(stream: TcpStream) -> Self {
        Self::within(stream, (BEHIND, LOOK))
    }

    fn within(stream: TcpStream, limits: (Duration, Duration)) -> Self {
        Self { stream, behind: None, limits, look: Box::pin(sleep(limits.1)) }
    }

    fn wrote(&mut self, context: &mut Context<'_>, poll: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &poll {
            Poll::Ready(Ok(bytes)) => {
                if let Some((_, taken)) = &mut self.behind {
                    *taken += *bytes as u64;
                }
            }
            Poll::Ready(Err(_)) => return poll,
            Poll::Pending => {
                let (since, taken) = *self.behind.get_or_insert_with(|| (Stopwatch::start(), 0));
                loop {
                    if too_slow(self.limits.0, since.elapsed(), taken) {
                        return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                    }
                    if self.look.poll_unpin(context).is_pending() {
                        return Poll::Pending;
                    }
                    self.look = Box::pin(sleep(self.limits.1));
                }
            }
        }
        match self.behind {
            Some((since, taken)) if too_slow(self.limits.0, since.elapsed(), taken) => {
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
            _ => poll,
        }
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(context, poll)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.wrote(context, poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // All was taken.
        self.behind = None;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_said_nothing_for_longest_goes_first_and_who_knows_the_token_never() {
        use GuestRank::{Known, Silent, Stranger};
        let goes = |standings: &[GuestRank]| who_goes((0..).zip(standings.iter().copied()));
        assert_eq!(goes(&[Known, Stranger, Silent, Silent]), Some(2));
        assert_eq!(goes(&[Known, Stranger, Stranger]), Some(1));
        assert_eq!((goes(&[Known, Known]), goes(&[])), (None, None));
    }

    #[test]
    fn there_are_never_more_than_may_be_and_a_place_that_was_left_is_free() {
        let guests = Arc::new(Guests::new(2));
        let (one, two) = (guests.welcome().unwrap(), guests.welcome().unwrap());
        one.guest.asked(true);
        let three = guests.welcome().unwrap();
        assert!(two.sent_away().now_or_never().is_some() && one.sent_away().now_or_never().is_none());
        three.guest.asked(true);
        assert!(guests.welcome().is_none(), "all who are here know the token");
        drop(two);
        assert!(guests.welcome().is_none(), "his place was given away already");
        drop(three);
        assert!(guests.welcome().is_some());
    }

    #[test]
    fn a_reader_who_takes_nothing_or_a_byte_now_and_then_is_too_slow_and_a_slow_line_is_not() {
        let seconds = Duration::from_secs;
        let too_slow = |behind, taken| too_slow(BEHIND, seconds(behind), taken);
        assert!(!too_slow(19, 0) && too_slow(21, 0) && too_slow(60, 60));
        assert!(!too_slow(60, 60 * 20_000));
    }

    #[test]
    fn who_does_not_read_what_he_asked_for_is_cut_off() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let _silent = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let stream = listener.accept().await.unwrap().0;
            let mut patient = Box::pin(Patient::within(stream, (Duration::ZERO, Duration::from_millis(1))));
            let page = [0; 1 << 16];
            let ended = loop {
                let wrote = std::future::poll_fn(|context| patient.as_mut().poll_write(context, &page)).await;
                if let Err(error) = wrote {
                    break error;
                }
            };
            assert_eq!(ended.kind(), io::ErrorKind::TimedOut);
        });
    }
}
