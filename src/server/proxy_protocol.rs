//! The PROXY protocol, versions 1 and 2: what a proxy that passes connections through says first about
//! who is behind each (haproxy's doc/proxy-protocol.txt). Believed only from trusted proxies; reads not
//! one byte further than the header, for TLS or HTTP follows.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// How version 2 starts.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// The longest line of version 1, with its end.
const LONGEST_LINE: usize = 107;
/// The longest rest of a version 2 header that is read: addresses and a few extensions.
const LONGEST_REST: usize = 2_048;
/// Stands for a client whose address the proxy does not know: nobody's, so nothing else it says about
/// its address is believed.
const NOBODY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// Whose connection it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A client's.
    Client(SocketAddr),
    /// The proxy's own: a health check.
    Proxy,
}

/// Why a connection is refused.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Not a header, or one that breaks the rules.
    #[error("the PROXY header is malformed: {0}")]
    Malformed(&'static str),
    /// The connection ended before its header did.
    #[error("the connection broke off in the PROXY header")]
    Io(#[from] std::io::Error),
}

/// Reads the header a connection starts with.
pub async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Source, Refused> {
    // No header is shorter than that.
    let mut start = [0; SIGNATURE.len()];
    stream.read_exact(&mut start).await?;
    if start == *SIGNATURE {
        return read_binary(stream).await;
    }
    if !start.starts_with(b"PROXY ") {
        return Err(Refused::Malformed("the connection does not start with one"));
    }
    let mut line = start.to_vec();
    while !line.ends_with(b"\n") {
        if line.len() == LONGEST_LINE {
            return Err(Refused::Malformed("the line is too long"));
        }
        line.push(stream.read_u8().await?);
    }
    parse_line(&line)
}

fn parse_line(line: &[u8]) -> Result<Source, Refused> {
    let malformed = Refused::Malformed;
    let line = std::str::from_utf8(line)
        .ok()
        .and_then(|line| line.strip_suffix("\r\n"))
        .ok_or(malformed("the line is no line of text"))?;
    let words: Vec<&str> = line.split(' ').collect();
    let (family, rest) = match words.as_slice() {
        ["PROXY", family, rest @ ..] => (*family, rest),
        _ => return Err(malformed("the family is missing")),
    };
    if family == "UNKNOWN" {
        return Ok(Source::Client(NOBODY));
    }
    let [source, destination, port, destination_port] = rest else {
        return Err(malformed("the line has not six words"));
    };
    let address = |text: &str| -> Result<IpAddr, Refused> {
        let parsed = match family {
            "TCP4" => text.parse().ok().map(IpAddr::V4),
            "TCP6" => text.parse().ok().map(IpAddr::V6),
            _ => return Err(malformed("the family is not TCP4 or TCP6")),
        };
        parsed.ok_or(malformed("an address is not of the family"))
    };
    address(destination)?;
    parse_port(destination_port)?;
    Ok(Source::Client(SocketAddr::new(
        address(source)?,
        parse_port(port)?,
    )))
}

fn parse_port(text: &str) -> Result<u16, Refused> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let port = text.parse().ok().filter(|_| digits);
    port.ok_or(Refused::Malformed("a port is no port"))
}

async fn read_binary<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Source, Refused> {
    let version_and_command = stream.read_u8().await?;
    let family = stream.read_u8().await?;
    let length = usize::from(stream.read_u16().await?);
    if length > LONGEST_REST {
        return Err(Refused::Malformed("it is too long"));
    }
    let mut rest = vec![0; length];
    stream.read_exact(&mut rest).await?;
    match version_and_command {
        0x20 => return Ok(Source::Proxy),
        0x21 => {}
        _ => return Err(Refused::Malformed("the version or command is unknown")),
    }
    let too_short = || Refused::Malformed("the addresses are cut off");
    match family {
        0x00 => Ok(Source::Client(NOBODY)),
        // Source, destination, their ports; what follows are extensions.
        0x11 => {
            let block: &[u8; 12] = rest.first_chunk().ok_or_else(too_short)?;
            let [a, b, c, d, _, _, _, _, high, low, _, _] = *block;
            let port = u16::from_be_bytes([high, low]);
            let address = Ipv4Addr::new(a, b, c, d);
            Ok(Source::Client(SocketAddr::from((address, port))))
        }
        0x21 => {
            let block: &[u8; 36] = rest.first_chunk().ok_or_else(too_short)?;
            let mut address = [0; 16];
            address.copy_from_slice(&block[..16]);
            let port = u16::from_be_bytes([block[32], block[33]]);
            let address = Ipv6Addr::from(address);
            Ok(Source::Client(SocketAddr::from((address, port))))
        }
        _ => Err(Refused::Malformed("the family is not TCP over IP")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read_all(mut bytes: &[u8]) -> Result<(Source, Vec<u8>), Refused> {
        let source = read(&mut bytes).await?;
        Ok((source, bytes.to_vec()))
    }

    fn client(address: &str) -> Source {
        Source::Client(address.parse().unwrap())
    }

    fn binary(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, rest].concat()
    }

    fn four() -> Vec<u8> {
        vec![192, 0, 2, 1, 10, 0, 0, 1, 0xdc, 0x04, 0x01, 0xbb]
    }

    #[tokio::test]
    async fn a_line_names_the_client_and_nothing_behind_it_is_read() {
        for (line, source) in [
            (
                "PROXY TCP4 192.0.2.1 10.0.0.1 56324 443\r\n",
                client("192.0.2.1:56324"),
            ),
            (
                "PROXY TCP6 2001:db8::1 ::1 65535 443\r\n",
                client("[2001:db8::1]:65535"),
            ),
            ("PROXY UNKNOWN\r\n", Source::Client(NOBODY)),
            (
                "PROXY UNKNOWN ffff:f...f:ffff 10.0.0.1 1 2\r\n",
                Source::Client(NOBODY),
            ),
        ] {
            let sent = format!("{line}\x16\x03\x01");
            let (read, left) = read_all(sent.as_bytes()).await.unwrap();
            assert_eq!((read, left.as_slice()), (source, &b"\x16\x03\x01"[..]));
        }
    }

    #[tokio::test]
    async fn a_hostile_line_is_refused() {
        let long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(LONGEST_LINE));
        for line in [
            long.as_str(),
            "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            "proxy TCP4 192.0.2.1 10.0.0.1 1 2\r\n",
            "PROXY TCP4 2001:db8::1 ::1 1 2\r\n",
            "PROXY TCP6 192.0.2.1 10.0.0.1 1 2\r\n",
            "PROXY UDP4 192.0.2.1 10.0.0.1 1 2\r\n",
            "PROXY TCP4 192.0.2.1 10.0.0.1 1\r\n",
            "PROXY TCP4 192.0.2.1 10.0.0.1 1 2 3\r\n",
            "PROXY TCP4 192.0.2.1 10.0.0.1 65536 2\r\n",
            "PROXY TCP4 192.0.2.1 10.0.0.1 +1 2\r\n",
            "PROXY TCP4 192.0.2.1 10.0.0.1  1 2\r\n",
            "PROXY TCP4 192.0.2.01 10.0.0.1 1 2\r\n",
            "PROXY TCP4 192.0.2.1 nowhere 1 2\r\n",
            "PROXY TCP4 192.0.2.1 10.0.0.1 1 2\n",
            "PROXY TCP4 192.0.2.1 10.0.0.1 1 2",
            "PROXY TCP4",
            "PROXY",
            "",
        ] {
            assert!(read_all(line.as_bytes()).await.is_err(), "{line:?}");
        }
    }

    #[tokio::test]
    async fn a_binary_header_names_the_client_with_or_without_extensions() {
        let extended = [four(), b"\x04\x00\x01x".to_vec()].concat();
        for rest in [four(), extended] {
            let sent = [binary(0x21, 0x11, &rest), b"GET".to_vec()].concat();
            let (source, left) = read_all(&sent).await.unwrap();
            assert_eq!(source, client("192.0.2.1:56324"));
            assert_eq!(left, b"GET");
        }
        let address: Ipv6Addr = "2001:db8::1".parse().unwrap();
        let six = [&address.octets()[..], &[0; 16], &[0, 80, 1, 187]].concat();
        let (source, _) = read_all(&binary(0x21, 0x21, &six)).await.unwrap();
        assert_eq!(source, client("[2001:db8::1]:80"));
        let (source, _) = read_all(&binary(0x21, 0x00, &[])).await.unwrap();
        assert_eq!(source, Source::Client(NOBODY));
    }

    #[tokio::test]
    async fn a_proxys_own_connection_is_its_own_whatever_else_it_says() {
        for rest in [Vec::new(), four()] {
            let (source, left) = read_all(&binary(0x20, 0x11, &rest)).await.unwrap();
            assert_eq!((source, left.len()), (Source::Proxy, 0));
        }
    }

    #[tokio::test]
    async fn a_hostile_binary_header_is_refused() {
        let whole = binary(0x21, 0x11, &four());
        for cut in 0..whole.len() {
            assert!(read_all(&whole[..cut]).await.is_err(), "{cut}");
        }
        for (command, family, rest) in [
            (0x21, 0x11, four()[..11].to_vec()),
            (0x21, 0x21, four()),
            (0x21, 0x12, four()),
            (0x21, 0x31, vec![0; 216]),
            (0x21, 0x01, four()),
            (0x11, 0x11, four()),
            (0x22, 0x11, four()),
            (0x21, 0x11, vec![0; LONGEST_REST + 1]),
        ] {
            let sent = binary(command, family, &rest);
            assert!(read_all(&sent).await.is_err(), "{command:x} {family:x}");
        }
    }
}
