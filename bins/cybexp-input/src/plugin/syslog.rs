//! `syslog`: RFC 3164 and RFC 5424 over UDP (RFC 5426) and TCP (RFC 6587).
//!
//! A record is a JSON object of what the message says: `facility` and `severity` by name, `timestamp` (RFC 3339),
//! `hostname`, `appname`, `procid`, `msgid`, `structured_data` (`{id: {name: value}}`), `message`, and `peer`, the address
//! of who sent it. What is no syslog is `message` alone. With `"post": "message"` the message itself is the record, for
//! programs that send their JSON by syslog; an empty one is none.
//!
//! UDP cannot wait: what finds no room is counted as dropped, here or by the kernel, so that what was taken and what was
//! dropped make up what has reached this machine. A TCP connection is not read while the spool is full.

mod callers;
mod fields;
mod fraction;
mod framing;
#[cfg(feature = "fuzzing")]
pub(super) mod fuzzing;
mod gather;
mod kernel;
mod message;
mod rfc3164;
mod rfc5424;
mod tcp;
mod udp;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use async_trait::async_trait;
use chrono_tz::Tz;
use cybexp_service::ConfigError;
use futures::future::try_join_all;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::plugin::source::{InputConfig, InputSource, Next, Plugin, Setting};
use crate::running;
use crate::sink::RecordSink;
use message::{MessageFormat, Post};

/// The plugin.
pub(super) struct SyslogPlugin;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct SyslogSettings {
    listen: Listen,
    #[serde(default)]
    post: Post,
    #[serde(default = "receive_buffer_bytes")]
    receive_buffer_bytes: usize,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "expected an address or a list of addresses")]
enum Listen {
    One(String),
    Many(Vec<String>),
}

fn receive_buffer_bytes() -> usize {
    8 << 20
}

/// An address to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Address {
    udp: bool,
    tcp: bool,
    host: String,
    port: u16,
}

impl Address {
    fn read(text: &str) -> Option<Self> {
        let (udp, tcp, rest) = match text.split_once("://") {
            None => (true, true, text),
            Some(("udp", rest)) => (true, false, rest),
            Some(("tcp", rest)) => (false, true, rest),
            Some(_) => return None,
        };
        let (host, port) = rest.rsplit_once(':')?;
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        if host.is_empty() || bare.is_none() && host.contains(':') {
            return None;
        }
        Some(Self {
            udp,
            tcp,
            host: bare.unwrap_or(host).to_owned(),
            port: port.parse().ok().filter(|port| *port > 0)?,
        })
    }
}

impl Plugin for SyslogPlugin {
    fn name(&self) -> &'static str {
        "syslog"
    }

    fn about(&self) -> &'static str {
        "syslog messages, RFC 3164 and RFC 5424, over UDP and TCP"
    }

    fn typetag(&self) -> &'static str {
        "cowrie"
    }

    fn settings(&self) -> &'static [Setting] {
        &[
            Setting {
                name: "listen",
                required: true,
                about: "HOST:PORT for UDP and TCP, udp://HOST:PORT or tcp://HOST:PORT for one of them; or a list of such",
            },
            Setting {
                name: "post",
                required: false,
                about: "\"fields\" (default), or \"message\": the message without what syslog says of it",
            },
            Setting {
                name: "receive_buffer_bytes",
                required: false,
                about: "what the kernel is to keep of each UDP socket, for bursts [8 MiB]",
            },
        ]
    }

    fn example(&self) -> Value {
        // of a honeypot whose log a syslog daemon sends line by line
        json!({"listen": "0.0.0.0:5514", "post": "message"})
    }

    fn period(&self) -> Option<Duration> {
        None
    }

    fn open(&self, given: &InputConfig<'_>) -> Result<Box<dyn InputSource>, ConfigError> {
        let settings: SyslogSettings = given.settings()?;
        let listen = match settings.listen {
            Listen::One(address) => vec![address],
            Listen::Many(addresses) => addresses,
        };
        let read = |text: &String| {
            let wrong = || format!("{text:?} is not HOST:PORT, udp://HOST:PORT or tcp://HOST:PORT");
            Address::read(text).ok_or_else(|| given.wrong("listen", wrong()))
        };
        let listen: Vec<_> = listen.iter().map(read).collect::<Result<_, _>>()?;
        if listen.is_empty() {
            return Err(given.wrong("listen", "names no address"));
        }
        let zone = given.input.timezone.parse::<Tz>();
        let zone = zone.map_err(|error| given.wrong("", format!("timezone: {error}")))?;
        Ok(Box::new(SyslogSource {
            listen,
            format: MessageFormat {
                post: settings.post,
                zone,
            },
            receive_buffer_bytes: settings.receive_buffer_bytes,
            run_dir: given.config.input.run_dir.clone(),
        }))
    }
}

struct SyslogSource {
    listen: Vec<Address>,
    format: MessageFormat,
    receive_buffer_bytes: usize,
    /// The `run_dir` of the daemon that may listen already.
    run_dir: PathBuf,
}

/// All sockets that it listens on.
struct Sockets {
    udp: Vec<Arc<std::net::UdpSocket>>,
    tcp: Vec<tokio::net::TcpListener>,
}

impl SyslogSource {
    async fn bind(&self, addresses: Vec<(&str, SocketAddr)>) -> anyhow::Result<Sockets> {
        let (mut udp, mut tcp) = (Vec::new(), Vec::new());
        for (protocol, address) in addresses {
            let failed = || match self.daemon_at(protocol, address) {
                Some(pid) => {
                    format!("the daemon (process {pid}) listens on {protocol}://{address}")
                }
                None => format!("cannot listen on {protocol}://{address}"),
            };
            match protocol {
                "udp" => {
                    let socket = udp::bind(address, self.receive_buffer_bytes);
                    udp.push(Arc::new(socket.with_context(failed)?));
                }
                _ => {
                    let socket: io::Result<_> = tokio::net::TcpListener::bind(address).await;
                    tcp.push(socket.with_context(failed)?);
                }
            }
        }
        Ok(Sockets { udp, tcp })
    }

    /// The addresses to listen on, each with `udp` or `tcp`.
    async fn addresses(&self) -> anyhow::Result<Vec<(&'static str, SocketAddr)>> {
        let mut all = Vec::new();
        for Address {
            udp,
            tcp,
            host,
            port,
        } in &self.listen
        {
            let found = tokio::net::lookup_host((host.as_str(), *port)).await;
            let found = found.with_context(|| format!("{host}: cannot be looked up"))?;
            for address in found {
                all.extend(udp.then_some(("udp", address)));
                all.extend(tcp.then_some(("tcp", address)));
            }
        }
        Ok(all)
    }

    /// The process of the daemon, if it is that which listens there.
    fn daemon_at(&self, protocol: &str, address: SocketAddr) -> Option<u32> {
        let pid = running::find(&self.run_dir).ok()??.pid;
        let other = pid != std::process::id();
        (other && kernel::listens(pid, protocol, address.port())).then_some(pid)
    }
}

#[async_trait]
impl InputSource for SyslogSource {
    async fn check(&mut self) -> anyhow::Result<String> {
        let mut addresses = self.addresses().await?;
        let mut daemon = None;
        addresses.retain(|(protocol, address)| {
            let own = self.daemon_at(protocol, *address);
            daemon = daemon.or(own);
            own.is_none()
        });
        let Sockets { udp, tcp } = self.bind(addresses).await?;
        if let Some(pid) = daemon {
            return Ok(format!("the daemon (process {pid}) listens there"));
        }
        let all = [(udp.len(), "UDP"), (tcp.len(), "TCP")];
        let all = all.iter().filter(|(sockets, _)| *sockets > 0);
        let all: Vec<_> = all.map(|(sockets, of)| format!("{sockets} {of}")).collect();
        Ok(format!("can listen on {}", all.join(" and ")))
    }

    async fn fetch(&mut self, sink: &RecordSink) -> anyhow::Result<Next> {
        let Sockets { udp, tcp } = self.bind(self.addresses().await?).await?;
        sink.reached();
        // threads and connections end with this future, too
        let stop = CancellationToken::new();
        let _end = stop.clone().drop_guard();
        let stopping = async {
            sink.stopping().await;
            stop.cancel();
            Ok(())
        };
        let datagrams = udp
            .into_iter()
            .map(|socket| udp::serve(socket, &self.format, sink, &stop));
        let datagrams = try_join_all(datagrams);
        let streams = tcp::serve(tcp, &self.format, sink, &stop);
        tokio::try_join!(datagrams, streams, stopping)?;
        Ok(Next::Period)
    }
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn addresses() {
        let read = |text| Address::read(text).map(|a| (a.udp, a.tcp, a.host, a.port));
        let all = |udp, tcp, host: &str, port| Some((udp, tcp, host.to_owned(), port));
        assert_eq!(read("0.0.0.0:514"), all(true, true, "0.0.0.0", 514));
        assert_eq!(read("udp://[::]:514"), all(true, false, "::", 514));
        assert_eq!(
            read("tcp://localhost:601"),
            all(false, true, "localhost", 601)
        );
        for wrong in [
            "514",
            ":514",
            "::1:514",
            "host:0",
            "host:70000",
            "http://host:514",
            "host",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
