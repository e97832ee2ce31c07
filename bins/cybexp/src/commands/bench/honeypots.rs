//! What honeypots and feeds tell, made up, with the skew of real ones: by Zipf's law a few addresses, names, passwords
//! and commands are in much of it, and most are in hardly any.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use tahoe_core::{Attribute, Category, Event, OrgId, SubType, Timestamp};

/// Organisations that own the honeypots.
pub(super) const ORGS: usize = 4;
/// 2026-11-02T00:00:00Z, when the last attack begins.
pub(super) const END_S: f64 = 1_793_577_600.0;
/// Events of a day: an archive grows by days, not by what a day holds.
const DAILY: f64 = 20_000.0;
/// Events of one attack and the sightings beside it, about.
const OF_ATTACK: f64 = 11.0;

const IPS: usize = 60_000;
const USERNAMES: usize = 8_000;
const PASSWORDS: usize = 120_000;
const COMMANDS: usize = 3_000;
const FILES: usize = 2_000;
const DOMAINS: usize = 50_000;
const CLIENTS: usize = 60;

/// All attacks, one after the other; the same each time.
pub(super) struct Honeypots {
    rng: StdRng,
    at_s: f64,
    attacks: u64,
}

/// What one attack leaves behind.
pub(super) struct Attack {
    /// Whose honeypot it was.
    pub(super) org: usize,
    /// What Cowrie logs.
    pub(super) records: Vec<Value>,
    /// What feeds tell meanwhile.
    pub(super) sightings: Vec<Event>,
}

impl Honeypots {
    pub(super) fn new(events: u64) -> Self {
        Self {
            rng: StdRng::seed_from_u64(events),
            at_s: END_S - events as f64 / DAILY * 86_400.0,
            attacks: 0,
        }
    }

    pub(super) fn attack(&mut self, orgs: &[OrgId]) -> Attack {
        self.attacks += 1;
        self.at_s += 2.0 * self.rng.random::<f64>() * 86_400.0 * OF_ATTACK / DAILY;
        let sensor = self.rng.random_range(0..2 * ORGS);
        let org = sensor % ORGS;
        let mut log = AttackLog {
            sensor: format!("sensor{sensor}"),
            ip: ip(zipf(&mut self.rng, IPS)),
            session: format!("{:012x}", self.attacks),
            at_s: self.at_s,
            records: Vec::new(),
        };
        log.attack(&mut self.rng);
        let mut sightings = Vec::new();
        if self.rng.random_bool(0.2) {
            sightings.push(self.sighting(&orgs[org]));
        }
        Attack {
            org,
            records: log.records,
            sightings,
        }
    }

    /// A page of a feed of phishing sites; a third are confirmed.
    fn sighting(&mut self, orgid: &OrgId) -> Event {
        let category = match self.rng.random_range(0..3) {
            0 => Category::Malicious,
            1 => Category::Unknown,
            _ => Category::Benign,
        };
        let domain = domain(zipf(&mut self.rng, DOMAINS));
        let url = format!("http://{domain}/{}", self.attacks);
        sighting(
            orgid,
            self.at_s,
            category,
            &[("url", &url), ("domain", &domain)],
        )
    }
}

/// An event of these attributes.
pub(super) fn sighting(
    orgid: &OrgId,
    at_s: f64,
    category: Category,
    attributes: &[(&'static str, &str)],
) -> Event {
    let attributes = attributes.iter();
    let attributes = attributes.map(|(name, data)| attribute(name, data).into());
    let at = Timestamp::new(at_s).expect("finite");
    let event = Event::new(
        SubType::from_static("sighting"),
        orgid.clone(),
        at,
        attributes.collect(),
    );
    event.expect("it has attributes").with_category(category)
}

pub(super) fn attribute(sub_type: &'static str, data: &str) -> Attribute {
    Attribute::new(SubType::from_static(sub_type), data)
}

/// The address of this rank; 198.18.0.0/15 is for benchmarks (RFC 2544).
pub(super) fn ip(rank: usize) -> String {
    // an odd factor: no address comes twice
    let n = rank * 40_503 % (1 << 17);
    format!("198.{}.{}.{}", 18 + (n >> 16), n >> 8 & 255, n & 255)
}

pub(super) fn domain(rank: usize) -> String {
    format!("d{rank}.phish.example")
}

/// The name of this rank.
pub(super) fn username(rank: usize) -> String {
    named(&["root", "admin", "ubuntu", "test", "user"], "user", rank)
}

/// The password of this rank.
pub(super) fn password(rank: usize) -> String {
    named(
        &["123456", "admin", "password", "1234", "3245gs5662d34"],
        "Pass",
        rank,
    )
}

fn named(common: &[&str], stem: &str, rank: usize) -> String {
    match common.get(rank) {
        Some(name) => (*name).to_owned(),
        None => format!("{stem}{rank}"),
    }
}

/// A rank: the first is drawn most, the n-th about 1/n as often.
fn zipf(rng: &mut StdRng, len: usize) -> usize {
    let place = ((len + 1) as f64).powf(rng.random());
    (place as usize - 1).min(len - 1)
}

/// The records of one attack.
struct AttackLog {
    sensor: String,
    ip: String,
    session: String,
    at_s: f64,
    records: Vec<Value>,
}

impl AttackLog {
    fn attack(&mut self, rng: &mut StdRng) {
        self.add(rng, "session.connect", json!({}));
        let client = zipf(rng, CLIENTS);
        self.add(
            rng,
            "client.version",
            json!({"version": format!("SSH-2.0-client{}", client % 20)}),
        );
        self.add(rng, "client.kex", json!({
            "hassh": format!("{client:032x}"),
            "kexAlgs": ["curve25519-sha256", format!("kex{}", client % 7)],
            "keyAlgs": ["ssh-ed25519"], "encCS": ["aes128-ctr"], "macCS": ["hmac-sha2-256"], "compCS": ["none"],
        }));
        for _ in 0..rng.random_range(1..=9) {
            self.login(rng, "failed");
        }
        if rng.random_bool(0.4) {
            self.login(rng, "success");
            for _ in 0..rng.random_range(1..=10) {
                let input = format!("command --number {}", zipf(rng, COMMANDS));
                self.add(rng, "command.input", json!({"input": input}));
            }
            if rng.random_bool(0.3) {
                let file = zipf(rng, FILES);
                self.add(
                    rng,
                    "session.file_download",
                    json!({
                        "url": format!("http://dl{}.payload.example/{file}.sh", file / 4),
                        "shasum": format!("{file:064x}"),
                    }),
                );
            }
        }
        self.add(rng, "session.closed", json!({"duration": 10.5}));
    }

    fn login(&mut self, rng: &mut StdRng, outcome: &str) {
        let (username, password) = (
            username(zipf(rng, USERNAMES)),
            password(zipf(rng, PASSWORDS)),
        );
        let record = json!({"username": username, "password": password});
        self.add(rng, &format!("login.{outcome}"), record);
    }

    fn add(&mut self, rng: &mut StdRng, eventid: &str, mut record: Value) {
        record["eventid"] = format!("cowrie.{eventid}").into();
        record["session"] = self.session.clone().into();
        record["sensor"] = self.sensor.clone().into();
        record["src_ip"] = self.ip.clone().into();
        record["protocol"] = "ssh".into();
        record["timestamp"] = self.at_s.into();
        self.records.push(record);
        self.at_s += rng.random_range(0.1..3.0);
    }
}
