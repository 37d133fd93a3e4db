//! The radio's forward proxy: tunnels (`CONNECT`, RFC 9110 section 9.3.6) and requests with an absolute
//! target. Each connection is made from the phone's address of the moment and is cut when the phone
//! changes networks; nothing is reused.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::header::{CONNECTION, HOST, HeaderName, TE, TRAILER, UPGRADE};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;

use super::radio::{HEADER, Passed, RadioHandle, Way};

/// How long connecting may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Serves until the task is aborted; every connection ends with it.
pub(super) async fn serve(listener: TcpListener, radio: RadioHandle) {
    let mut phones = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                phones.spawn(serve_phone(stream, radio.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "the radio cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        while phones.try_join_next().is_some() {}
    }
}

async fn serve_phone(stream: TcpStream, radio: RadioHandle) {
    let _ = stream.set_nodelay(true);
    let moved = radio.moved();
    let service = service_fn(move |request| {
        let radio = radio.clone();
        async move { Ok::<_, Infallible>(pass(&radio, request).await) }
    });
    let serving = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .preserve_header_case(true)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::select! {
        // How a connection ended concerns nobody here.
        _ = serving => {}
        () = moved => {}
    }
}

/// One request of the phone.
async fn pass(radio: &RadioHandle, request: Request<Incoming>) -> Response {
    let Some(way) = radio.way() else {
        return refuse(StatusCode::BAD_GATEWAY, "The phone has no network.");
    };
    if radio.is_lost() {
        return refuse(StatusCode::BAD_GATEWAY, "The connection was lost.");
    }
    let Some((authority, target)) = target(request.method(), request.uri()) else {
        return refuse(
            StatusCode::BAD_REQUEST,
            "This is a proxy. Set it as one in a browser's settings.",
        );
    };
    if !way.latency.is_zero() {
        tokio::time::sleep(way.latency).await;
    }
    let Some(target) = target else {
        return refuse(
            StatusCode::FORBIDDEN,
            "The pretend radio reaches this machine only.",
        );
    };
    let Ok(stream) = dial(way.from, target).await else {
        return refuse(StatusCode::BAD_GATEWAY, "Nobody answers there.");
    };
    let tunnel = request.method() == Method::CONNECT;
    radio.remember(Passed {
        method: request.method().to_string(),
        to: authority.to_string(),
        from: IpAddr::V4(way.from),
        header_added: !tunnel && way.header.is_some(),
    });
    if tunnel {
        tunnel_through(radio, request, stream)
    } else {
        forward(&way, &authority, request, stream).await
    }
}

/// Where a request is to go: host and port as written, and the address, if it is of this machine.
fn target(method: &Method, uri: &Uri) -> Option<(Authority, Option<SocketAddrV4>)> {
    let authority = uri.authority()?.clone();
    let port = match (method, uri.scheme_str()) {
        (&Method::CONNECT, _) => authority.port_u16()?,
        (_, Some("http")) => authority.port_u16().unwrap_or(80),
        _ => return None,
    };
    let host = authority.host();
    let address = match host.parse::<Ipv4Addr>() {
        Ok(address) if address.is_loopback() => Some(address),
        Ok(_) => None,
        Err(_) if host == "localhost" || host.ends_with(".localhost") => Some(Ipv4Addr::LOCALHOST),
        Err(_) => None,
    };
    Some((
        authority,
        address.map(|address| SocketAddrV4::new(address, port)),
    ))
}

async fn dial(from: Ipv4Addr, to: SocketAddrV4) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::V4(SocketAddrV4::new(from, 0)))?;
    let stream = tokio::time::timeout(PATIENCE, socket.connect(SocketAddr::V4(to))).await??;
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

/// What is inside a tunnel nobody on the way can read or change.
fn tunnel_through(
    radio: &RadioHandle,
    request: Request<Incoming>,
    mut stream: TcpStream,
) -> Response {
    let moved = radio.moved();
    tokio::spawn(async move {
        let Ok(upgraded) = hyper::upgrade::on(request).await else {
            return;
        };
        let mut phone = TokioIo::new(upgraded);
        tokio::select! {
            _ = tokio::io::copy_bidirectional(&mut phone, &mut stream) => {}
            () = moved => {}
        }
    });
    StatusCode::OK.into_response()
}

/// A hop over plain http: the network reads it, and a mobile one adds its header.
async fn forward(
    way: &Way,
    authority: &Authority,
    mut request: Request<Incoming>,
    stream: TcpStream,
) -> Response {
    let path = request.uri().path_and_query();
    let path = path.map_or("/", http::uri::PathAndQuery::as_str);
    let Ok(uri) = path.parse() else {
        return refuse(StatusCode::BAD_REQUEST, "The address cannot be read.");
    };
    *request.uri_mut() = uri;
    drop_hop_by_hop(request.headers_mut());
    if let Ok(host) = HeaderValue::from_str(authority.as_str()) {
        request.headers_mut().insert(HOST, host);
    }
    // A mobile network writes over what a phone makes up; a Wi-Fi lets it pass.
    if let Some(number) = way.header.as_deref()
        && let Ok(number) = HeaderValue::from_str(number)
    {
        request.headers_mut().insert(HEADER, number);
    }
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let Ok((mut sender, connection)) = handshake else {
        return refuse(StatusCode::BAD_GATEWAY, "Nobody answers there.");
    };
    tokio::spawn(connection);
    match sender.send_request(request.map(Body::new)).await {
        Ok(mut response) => {
            drop_hop_by_hop(response.headers_mut());
            response.map(Body::new)
        }
        Err(_) => refuse(StatusCode::BAD_GATEWAY, "The connection broke off."),
    }
}

/// RFC 9110 section 7.6.1.
fn drop_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.into_iter().chain([CONNECTION, TE, TRAILER, UPGRADE]) {
        headers.remove(name);
    }
    for name in ["proxy-connection", "proxy-authorization", "keep-alive"] {
        headers.remove(name);
    }
}

fn refuse(status: StatusCode, text: &'static str) -> Response {
    (status, text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_reached() {
        let to = |method: &Method, uri: &str| {
            let found = target(method, &uri.parse().unwrap())?;
            Some(found.1.map(|address| address.to_string()))
        };
        let here = |address: &str| Some(Some(address.to_owned()));
        assert_eq!(
            to(&Method::GET, "http://127.0.0.2/x?y"),
            here("127.0.0.2:80")
        );
        assert_eq!(
            to(&Method::GET, "http://localhost:81/"),
            here("127.0.0.1:81")
        );
        assert_eq!(to(&Method::CONNECT, "127.9.9.9:443"), here("127.9.9.9:443"));
        for (method, elsewhere) in [
            (Method::GET, "http://192.0.2.1/"),
            (Method::GET, "http://localhost.example/"),
            (Method::GET, "http://10.0.0.1:80/"),
            (Method::CONNECT, "shop.example:443"),
            (Method::CONNECT, "[::1]:443"),
        ] {
            assert_eq!(to(&method, elsewhere), Some(None), "{elsewhere}");
        }
        for (method, nonsense) in [
            (Method::GET, "/authorize"),
            (Method::GET, "https://127.0.0.1/"),
            (Method::CONNECT, "localhost"),
        ] {
            assert_eq!(to(&method, nonsense), None, "{nonsense}");
        }
    }
}
