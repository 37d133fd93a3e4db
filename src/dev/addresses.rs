//! Addresses beside the server's: the same ports at every start where possible, so that an open tab still
//! works.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tokio::net::TcpListener;

/// A free address so many ports after the server's; another loopback address where the system has one.
pub(super) async fn neighbour(server: SocketAddr, ip: Ipv4Addr, distance: u16) -> SocketAddr {
    let wanted = server.port().checked_add(distance).unwrap_or(0);
    for ip in [ip, Ipv4Addr::LOCALHOST] {
        for port in [wanted, 0] {
            let address = SocketAddr::new(IpAddr::V4(ip), port);
            if TcpListener::bind(address).await.is_ok() {
                return address;
            }
        }
    }
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0)
}

/// Whether connections can be made from any loopback address, as on Linux.
pub(super) async fn has_many_loopbacks() -> bool {
    TcpListener::bind((Ipv4Addr::new(127, 0, 64, 1), 0))
        .await
        .is_ok()
}
