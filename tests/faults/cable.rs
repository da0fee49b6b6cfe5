//! A cable between the worker and its broker that can go dead: packets vanish, and neither side is told. The worker's end is a
//! veth pair into a network namespace; there somebody listens who passes everything on to the broker, wherever that runs.
//!
//! The kernel takes everything back when the process that holds the namespace ends: that is when its input does, so also when
//! this process is killed. Dead is `tc`'s blackhole, which every kernel has that has `tc`; its netem is a module that may miss.

use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use url::Url;

use crate::support::{Broker, SOON, eventually};

pub(crate) struct Cable {
    url: String,
    /// The interface on this side; that in the namespace has the same name.
    name: String,
    /// The worker's ports, in the order of its connections.
    ports: Arc<Mutex<Vec<u16>>>,
    namespace: PathBuf,
    _holder: Child,
    _server: JoinSet<()>,
}

impl Cable {
    /// # Panics
    /// When there can be none: it takes root, iproute2 (`ip`, `tc`) and util-linux (`unshare`, `nsenter`).
    pub(crate) async fn to(broker: &Broker) -> Self {
        let holder = Command::new("unshare")
            .args(["--net", "cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{NEEDS}: cannot run unshare: {error}"));
        let pid = holder.id().expect("it runs");
        let namespace = PathBuf::from(format!("/proc/{pid}/ns/net"));
        let here = std::fs::read_link("/proc/self/ns/net").expect("Linux");
        let what = format!("a network namespace is there ({NEEDS})");
        eventually(&what, SOON, async || std::fs::read_link(&namespace).is_ok_and(|there| there != here).then_some(()))
            .await;

        let random = crate::support::unique("cx");
        let random = &random[random.len() - 10..];
        let name = format!("cx{random}");
        // Of the network for tests of this kind (RFC 2544), 198.18.0.0/15: four addresses, of which two are hosts.
        let place = u32::from_str_radix(&random[6..], 16).expect("hexadecimal digits") & 0x7fff;
        let net = u32::from(Ipv4Addr::new(198, 18, 0, 0)) + place * 4;
        let [near, far] = [Ipv4Addr::from(net + 1), Ipv4Addr::from(net + 2)];
        let pid = pid.to_string();
        run("ip", &["link", "add", &name, "type", "veth", "peer", "name", &name, "netns", &pid]).await;
        let inside = format!("--net={}", namespace.display());
        for (address, enter) in [(near, None), (far, Some(inside.as_str()))] {
            let address = format!("{address}/30");
            for command in
                [["ip", "address", "add", &address, "dev", &name].as_slice(), &["ip", "link", "set", &name, "up"]]
            {
                run_in(enter, command).await;
            }
        }

        let listener = listen_in(namespace.clone(), far);
        let mut url = Url::parse(broker.url()).expect("an AMQP URL");
        let target = format!("{}:{}", url.host_str().expect("a host"), url.port().unwrap_or(5672));
        let listens_at = listener.local_addr().expect("bound");
        url.set_host(Some(&listens_at.ip().to_string())).expect("a URL with a host");
        url.set_port(Some(listens_at.port())).expect("a URL with a port");
        let ports = Arc::new(Mutex::new(Vec::new()));
        let mut server = JoinSet::new();
        server.spawn(serve(tokio::net::TcpListener::from_std(listener).expect("a socket"), target, ports.clone()));
        Self { url: url.to_string(), name, ports, namespace, _holder: holder, _server: server }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// From now on nothing comes through, either way.
    pub(crate) async fn goes_dead(&self) {
        for enter in [None, Some(self.inside())] {
            run_in(enter.as_deref(), &["tc", "qdisc", "replace", "dev", &self.name, "root", "blackhole"]).await;
        }
    }

    /// From now on nothing of the worker's `line`th connection comes through, either way.
    pub(crate) async fn goes_dead_for(&self, line: usize) {
        let port = self.ports.lock().expect("no panic while it is held")[line].to_string();
        for (enter, side) in [(None, "sport"), (Some(self.inside()), "dport")] {
            let dev = &["dev", self.name.as_str()];
            for rest in [
                ["tc qdisc replace", "root handle 1: htb"],
                ["tc class add", "parent 1: classid 1:1 htb rate 10mbit"],
                ["tc qdisc add", "parent 1:1 handle 2: blackhole"],
                ["tc filter add", &format!("parent 1: protocol ip u32 match ip {side} {port} 0xffff flowid 1:1")],
            ] {
                let words: Vec<&str> =
                    rest[0].split(' ').chain(dev.iter().copied()).chain(rest[1].split(' ')).collect();
                run_in(enter.as_deref(), &words).await;
            }
        }
    }

    /// Everything comes through again, also what was sent again and again meanwhile.
    pub(crate) async fn comes_back(&self) {
        for enter in [None, Some(self.inside())] {
            run_in(enter.as_deref(), &["tc", "qdisc", "delete", "dev", &self.name, "root"]).await;
        }
    }

    fn inside(&self) -> String {
        format!("--net={}", self.namespace.display())
    }
}

const NEEDS: &str = "this test needs root, iproute2 and util-linux";

/// A socket of the namespace: it belongs to where the thread was that made it. That thread ends with it.
fn listen_in(namespace: PathBuf, address: Ipv4Addr) -> TcpListener {
    let bound = std::thread::spawn(move || {
        let namespace = std::fs::File::open(namespace).expect("the namespace is there");
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
            .unwrap_or_else(|error| panic!("{NEEDS}: {error}"));
        TcpListener::bind(SocketAddrV4::new(address, 0)).expect("a free port")
    });
    let listener = bound.join().expect("no panic");
    listener.set_nonblocking(true).expect("a socket");
    listener
}

async fn serve(listener: tokio::net::TcpListener, target: String, ports: Arc<Mutex<Vec<u16>>>) {
    let mut lines = JoinSet::new();
    loop {
        let (mut near, worker) = listener.accept().await.expect("a connection");
        ports.lock().expect("no panic while it is held").push(worker.port());
        let Ok(mut far) = TcpStream::connect(&target).await else { continue };
        lines.spawn(async move {
            // The first end of the two is the end of both, as it is for whoever is at the end of one cable.
            let ((mut near_in, mut near_out), (mut far_in, mut far_out)) = (near.split(), far.split());
            tokio::select! {
                _ = tokio::io::copy(&mut near_in, &mut far_out) => {}
                _ = tokio::io::copy(&mut far_in, &mut near_out) => {}
            }
        });
    }
}

async fn run_in(namespace: Option<&str>, command: &[&str]) {
    match namespace {
        None => run(command[0], &command[1..]).await,
        Some(namespace) => run("nsenter", &[&[namespace], command].concat()).await,
    }
}

async fn run(program: &str, arguments: &[&str]) {
    let done = Command::new(program).args(arguments).stdin(Stdio::null()).output().await;
    let done = done.unwrap_or_else(|error| panic!("{NEEDS}: cannot run {program}: {error}"));
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{NEEDS}: {program} {}: {}", arguments.join(" "), said.trim());
}
