//! Made-up records of honeypots and feeds, with the skew of real ones: by Zipf's law a few addresses, names, passwords and
//! commands are in many records, and most are in hardly any.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use tahoe_core::{Attribute, Category, Event, OrgId, SubType, Timestamp};

/// The number of organisations that own the honeypots.
pub(super) const ORGS: usize = 4;
/// The time when the last attack begins: 2026-11-02T00:00:00Z.
pub(super) const END_S: f64 = 1_793_577_600.0;
/// The number of events a day: a larger archive has more days, not fuller ones.
const DAILY: f64 = 20_000.0;
/// The approximate number of events of one attack, with the sightings beside it.
const OF_ATTACK: f64 = 11.0;

const IPS: usize = 60_000;
const USERNAMES: usize = 8_000;
const PASSWORDS: usize = 120_000;
const COMMANDS: usize = 3_000;
const FILES: usize = 2_000;
const DOMAINS: usize = 50_000;
const CLIENTS: usize = 60;

/// An iterator over all attacks, the same in each run.
pub(super) struct Honeypots {
    rng: StdRng,
    at_s: f64,
    /// The mean time between two attacks, in seconds.
    gap_s: f64,
    attacks: u64,
}

/// The records that one attack leaves behind.
pub(super) struct Attack {
    /// The organisation that owns the honeypot.
    pub(super) org: usize,
    /// The address that it comes from.
    pub(super) ip: String,
    /// The time at which it ends, in Unix seconds.
    pub(super) end_s: f64,
    /// The records that Cowrie logs.
    pub(super) records: Vec<Value>,
    /// The events that feeds report meanwhile.
    pub(super) sightings: Vec<Event>,
}

impl Honeypots {
    pub(super) fn new(events: u64) -> Self {
        Self {
            rng: StdRng::seed_from_u64(events),
            at_s: END_S - events as f64 / DAILY * 86_400.0,
            gap_s: 86_400.0 * OF_ATTACK / DAILY,
            attacks: 0,
        }
    }

    /// Returns the same with other sessions than those of another set.
    pub(super) fn of_set(mut self, set: u64) -> Self {
        self.attacks = set << 32;
        self
    }

    /// Returns the same with about this many events in the days before this time, in Unix seconds.
    pub(super) fn before(mut self, end_s: f64, days: f64, events: u64) -> Self {
        let seconds = days * 86_400.0;
        self.at_s = end_s - seconds;
        self.gap_s = seconds * OF_ATTACK / events as f64;
        self
    }

    pub(super) fn attack(&mut self, orgs: &[OrgId]) -> Attack {
        self.attacks += 1;
        self.at_s += 2.0 * self.rng.random::<f64>() * self.gap_s;
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
            ip: log.ip,
            end_s: log.at_s,
            records: log.records,
            sightings,
        }
    }

    /// Makes the event of a phishing site in a feed; a third of them are confirmed.
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

/// Makes an event of these attributes.
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

/// Returns the address of this rank, in 198.18.0.0/15, which is for benchmarks (RFC 2544).
pub(super) fn ip(rank: usize) -> String {
    // an odd factor, so that no address comes twice
    let n = rank * 40_503 % (1 << 17);
    format!("198.{}.{}.{}", 18 + (n >> 16), n >> 8 & 255, n & 255)
}

pub(super) fn domain(rank: usize) -> String {
    format!("d{rank}.phish.example")
}

/// Returns the user name of this rank.
pub(super) fn username(rank: usize) -> String {
    named(&["root", "admin", "ubuntu", "test", "user"], "user", rank)
}

/// Returns the password of this rank.
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

/// Draws a rank: the first is the most frequent, the n-th comes about 1/n as often.
fn zipf(rng: &mut StdRng, len: usize) -> usize {
    let place = ((len + 1) as f64).powf(rng.random());
    (place as usize - 1).min(len - 1)
}

/// The log records of one attack, while they are made.
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
