//! A blocking HTTP/1.1 client that costs next to nothing: the load client shares its two cores with
//! what it measures. It knows what our server and the simulator answer with, and no more.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longest wait for anything: a run must end by itself.
const PATIENCE: Duration = Duration::from_secs(15);
/// Longest answer, bytes.
const LONGEST: usize = 1 << 20;

/// One connection, kept alive and opened again when the other side closed it.
pub struct Connection {
    address: SocketAddr,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

/// An answer; the head is searched as it came.
pub struct Answer {
    /// The status.
    pub status: u16,
    head: String,
    /// The body.
    pub body: String,
}

impl Connection {
    /// To this address; opened at the first request.
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            stream: None,
            buffer: Vec::with_capacity(16 * 1024),
        }
    }

    /// Sends a whole request and reads the answer. A kept connection that turns out closed before the
    /// first byte of an answer is opened again, once, as browsers do.
    pub fn exchange(&mut self, request: &[u8]) -> io::Result<Answer> {
        if let Some(kept) = self.stream.take() {
            match self.try_exchange(kept, request) {
                Err(error) if was_closed(&error) && self.buffer.is_empty() => {}
                done => return done,
            }
        }
        let fresh = TcpStream::connect_timeout(&self.address, PATIENCE)?;
        fresh.set_nodelay(true)?;
        fresh.set_read_timeout(Some(PATIENCE))?;
        fresh.set_write_timeout(Some(PATIENCE))?;
        self.try_exchange(fresh, request)
    }

    fn try_exchange(&mut self, mut stream: TcpStream, request: &[u8]) -> io::Result<Answer> {
        self.buffer.clear();
        stream.write_all(request)?;
        let head_end = loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                break end + 4;
            }
            self.fill(&mut stream)?;
        };
        let head = text(&self.buffer[..head_end])?;
        let status = head
            .get(9..12)
            .and_then(|digits| digits.parse().ok())
            .ok_or_else(|| malformed("no status"))?;
        let mut answer = Answer {
            status,
            head,
            body: String::new(),
        };
        if answer.header("transfer-encoding").is_some() {
            return Err(malformed("chunked answers are not read"));
        }
        let length: usize = match answer.header("content-length") {
            Some(length) => length.parse().map_err(|_| malformed("content-length"))?,
            None => 0,
        };
        let end = head_end + length;
        while self.buffer.len() < end {
            self.fill(&mut stream)?;
        }
        answer.body = text(&self.buffer[head_end..end])?;
        if answer.header("connection") != Some("close") {
            self.stream = Some(stream);
        }
        Ok(answer)
    }

    fn fill(&mut self, stream: &mut TcpStream) -> io::Result<()> {
        let mut chunk = [0; 16 * 1024];
        let read = stream.read(&mut chunk)?;
        if read == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.buffer.extend_from_slice(&chunk[..read]);
        if self.buffer.len() > LONGEST {
            return Err(malformed("too long"));
        }
        Ok(())
    }
}

impl Answer {
    /// The first header of this name (lower case).
    pub fn header(&self, name: &'static str) -> Option<&str> {
        self.headers(name).next()
    }

    /// All headers of this name (lower case).
    pub fn headers(&self, name: &'static str) -> impl Iterator<Item = &str> {
        self.head.split("\r\n").filter_map(move |line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

fn was_closed(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
    )
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn text(bytes: &[u8]) -> io::Result<String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| malformed("not UTF-8"))
}

fn malformed(what: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}
