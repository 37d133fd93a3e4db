//! A time limit on a connection's first bytes. The HTTP library tells HTTP/1.1 from HTTP/2 by them, and
//! its own time limits begin only after that.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// How every HTTP/2 connection starts (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A stream whose reads fail if it does not soon show which version it speaks.
pub struct TimedStart<S> {
    stream: S,
    /// Until the version is known.
    deadline: Option<Pin<Box<Sleep>>>,
    matched: usize,
}

impl<S> TimedStart<S> {
    pub fn new(stream: S, patience: Duration) -> Self {
        Self {
            stream,
            deadline: Some(Box::pin(tokio::time::sleep(patience))),
            matched: 0,
        }
    }

    fn look_at(&mut self, read: &[u8]) {
        let expected = &PREFACE[self.matched..];
        let same = read.iter().zip(expected).take_while(|(a, b)| a == b);
        let same = same.count();
        self.matched += same;
        if same < read.len() || self.matched == PREFACE.len() {
            self.deadline = None;
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for TimedStart<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        let polled = Pin::new(&mut this.stream).poll_read(context, buffer);
        let Some(deadline) = &mut this.deadline else {
            return polled;
        };
        if polled.is_ready() {
            this.look_at(&buffer.filled()[before..]);
            return polled;
        }
        deadline
            .as_mut()
            .poll(context)
            .map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for TimedStart<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    const SHORT: Duration = Duration::from_millis(10);

    async fn read_after(sent: &[u8]) -> io::Result<usize> {
        let (mut client, server) = duplex(64);
        client.write_all(sent).await.unwrap();
        let mut server = TimedStart::new(server, SHORT);
        let mut seen = vec![0; sent.len()];
        server.read_exact(&mut seen).await?;
        let more = async { server.read(&mut [0; 8]).await };
        let late = async {
            tokio::time::sleep(20 * SHORT).await;
            client.write_all(b"late").await.unwrap();
            std::future::pending().await
        };
        tokio::select! {
            read = more => read,
            () = late => Ok(0),
        }
    }

    #[tokio::test]
    async fn a_connection_that_does_not_say_what_it_speaks_ends() {
        for sent in [&b""[..], b"P", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r"] {
            let error = read_after(sent).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{sent:?}");
        }
    }

    #[tokio::test]
    async fn one_that_did_has_the_librarys_time_limits() {
        for sent in [&b"G"[..], b"PO", PREFACE, b"PRI * HTTP/1.1"] {
            assert_eq!(read_after(sent).await.unwrap(), 4, "{sent:?}");
        }
    }
}
