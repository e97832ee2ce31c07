//! Every fault at once: daemons and servers are killed, stopped and cut off, disks are full, clocks jump, while records go
//! through all of them. In the end nothing is lost, nothing is there twice, and `cybexp verify` finds all right.
//!
//! The long one prints what was injected, and how long it took until the records of before were read:
//! `CYBEXP_STORM_FAULTS=1000 cargo test -p cybexp --test storm -- --ignored --nocapture`

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "the figures are part of what it shows, and clippy sees helpers of a test as no test"
)]

use std::collections::BTreeMap;
use std::env;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::process::Command;
use std::time::{Duration, Instant};

use bson::doc;
use cybexp_filters::second::SECOND_FILTERS;
use cybexp_store::CensusRow;
use cybexp_testkit::{
    Daemon, Differences, JumpingClock, Line, Proxy, Replicas, Site, cowrie, eventually, free_ports,
    verified,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;

const CYBEXP: &str = env!("CARGO_BIN_EXE_cybexp");
const DAEMONS: [&str; 4] = ["input", "api", "archive", "analytics"];
/// Records that are written at each fault, half of them during it.
const RECORDS: usize = 20;
/// Time to wait for recovery before the next fault.
const PATIENCE: Duration = Duration::from_secs(4);
/// Time without any progress in the end after which the rest counts as lost: leases of the dead end after half a minute.
const STUCK: Duration = Duration::from_secs(180);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    /// A daemon, by its place, is killed with SIGKILL.
    Kill(usize),
    KillPrimary,
    KillSecondary,
    KillAllServers,
    StepDown,
    /// The primary stands still, as a machine that is suspended.
    FreezePrimary,
    /// The line to the primary.
    ServerLine(u8),
    /// The line between input and API.
    ApiLine(u8),
    /// The clock of all daemons jumps by this many seconds.
    Clock(i64),
    SpoolFull,
    DiskFull,
}

const LINES: [(u8, Line, &str); 3] = [
    (1, Line::Slow, "slow"),
    (2, Line::Cut, "cut"),
    (3, Line::Holds, "black hole"),
];

impl Fault {
    fn all() -> Vec<Self> {
        let mut all: Vec<Self> = (0..DAEMONS.len()).map(Self::Kill).collect();
        all.extend([
            Self::KillPrimary,
            Self::KillSecondary,
            Self::KillAllServers,
            Self::StepDown,
            Self::FreezePrimary,
            Self::SpoolFull,
            Self::DiskFull,
        ]);
        all.extend(LINES.map(|(line, ..)| Self::ServerLine(line)));
        all.extend(LINES.map(|(line, ..)| Self::ApiLine(line)));
        all.extend([3600, -3600, 10 * 365 * 86_400].map(Self::Clock));
        all
    }

    fn name(self) -> String {
        let line = |of: u8| {
            LINES
                .iter()
                .find(|(n, ..)| *n == of)
                .map_or("", |one| one.2)
        };
        match self {
            Self::Kill(daemon) => format!("kill -9 {}", DAEMONS[daemon]),
            Self::KillPrimary => "kill -9 primary".to_owned(),
            Self::KillSecondary => "kill -9 secondary".to_owned(),
            Self::KillAllServers => "kill -9 all servers".to_owned(),
            Self::StepDown => "step-down".to_owned(),
            Self::FreezePrimary => "primary stands still".to_owned(),
            Self::ServerLine(of) => format!("line to primary: {}", line(of)),
            Self::ApiLine(of) => format!("line to API: {}", line(of)),
            Self::Clock(by) => format!("clock jumps by {by} s"),
            Self::SpoolFull => "disk of the spool full".to_owned(),
            Self::DiskFull => "disk of the primary full".to_owned(),
        }
    }
}

fn line_of(of: u8) -> Line {
    let found = LINES.iter().find(|(n, ..)| *n == of);
    found.map_or(Line::Good, |one| one.1)
}

struct Storm {
    servers: Replicas,
    site: Site,
    api: Proxy,
    clock: JumpingClock,
    daemons: [Option<Daemon>; 4],
    log: File,
    written: usize,
}

fn site_config(listen: u16, url: u16) -> serde_json::Value {
    let input = json!({
        "name": "honeypot", "plugin": "file", "typetag": "cowrie", "orgid": "unr", "settings": {"path": "cowrie.json"},
    });
    json!({
        "api": {
            "url": format!("http://127.0.0.1:{url}/"), "listen": format!("127.0.0.1:{listen}"),
            "token": {"file": "token"},
        },
        "input": {"run_dir": "run", "spool_dir": "spool", "inputs": [input]},
        // sessions are read again and again while they grow, and in the end
        "analytics": {"session_settle_s": 1, "session_open_s": 1, "max_backoff_s": 5},
    })
}

async fn site_on(url: &str, name: &str, listen: u16, through: u16) -> (Site, File) {
    let site = Site::on(url, name, site_config(listen, through)).await;
    let day = Duration::from_secs(86_400);
    let token = site.token_for(&site.user().await, day);
    std::fs::write(site.folder.path().join("token"), token).unwrap();
    let log = site.folder.path().join("cowrie.json");
    let log = OpenOptions::new().create(true).append(true).open(log);
    (site, log.unwrap())
}

impl Storm {
    async fn begin() -> Self {
        let servers = Replicas::start().await;
        let [port] = free_ports();
        let api = Proxy::start(port).await;
        let url = format!("{}&serverSelectionTimeoutMS=5000", servers.url());
        let (site, log) = site_on(&url, "storm", port, api.port()).await;
        let clock = JumpingClock::build(site.folder.path());
        let mut input = site_config(port, api.port());
        input.as_object_mut().unwrap().remove("analytics");
        std::fs::write(site.folder.path().join("input.json"), input.to_string()).unwrap();
        let mut storm = Self {
            servers,
            site,
            api,
            clock,
            daemons: [None, None, None, None],
            log,
            written: 0,
        };
        (0..DAEMONS.len()).for_each(|daemon| storm.start(daemon));
        storm
    }

    fn start(&mut self, daemon: usize) {
        // a full disk is an error of a write, and no signal
        let trap = r#"trap "" XFSZ; exec env "$1" "$2" "$3" daemon "$4" --config "$5""#;
        let mut args = vec!["-c".to_owned(), trap.to_owned(), "sh".to_owned()];
        args.extend(self.clock.env());
        let config = match DAEMONS[daemon] {
            // it does not know the secret, so it asks for no proof that nobody stands between it and the API
            "input" => self.site.folder.path().join("input.json"),
            _ => self.site.config.clone(),
        };
        let config = config.to_str().unwrap();
        args.extend([CYBEXP, DAEMONS[daemon], config].map(str::to_owned));
        self.daemons[daemon] = Some(Daemon::start("sh", &args, &self.site));
    }

    fn write(&mut self, lines: &[String]) {
        for line in lines {
            writeln!(self.log, "{line}").unwrap();
        }
        self.written += lines.len();
    }

    /// Injects a fault, and returns what ends it.
    async fn inject(&mut self, fault: Fault) -> Healing {
        let primary = self.servers.primary().await.unwrap_or(0);
        match fault {
            Fault::Kill(daemon) => {
                if let Some(daemon) = self.daemons[daemon].take() {
                    daemon.kill();
                }
                Healing::Nothing
            }
            Fault::KillPrimary => {
                self.servers.kill_member(primary);
                Healing::Nothing
            }
            Fault::KillSecondary => {
                self.servers.kill_member((primary + 1) % 3);
                Healing::Nothing
            }
            Fault::KillAllServers => {
                (0..3).for_each(|member| self.servers.kill_member(member));
                Healing::Nothing
            }
            Fault::StepDown => {
                self.servers.step_down().await;
                Healing::Nothing
            }
            Fault::FreezePrimary => match self.servers.pid(primary) {
                Some(pid) => {
                    let _ = kill(Pid::from_raw(pid), Signal::SIGSTOP);
                    Healing::Continue(pid)
                }
                None => Healing::Nothing,
            },
            Fault::ServerLine(line) => {
                self.servers.line(primary, line_of(line));
                Healing::ServerLine(primary)
            }
            Fault::ApiLine(line) => {
                self.api.set(line_of(line));
                Healing::ApiLine
            }
            Fault::Clock(by) => {
                self.clock.jump(by);
                Healing::Clock
            }
            Fault::SpoolFull => {
                let pid = self.daemons[0]
                    .as_ref()
                    .map(|input| input.pid().cast_signed());
                pid.map_or(Healing::Nothing, full)
            }
            Fault::DiskFull => self.servers.pid(primary).map_or(Healing::Nothing, full),
        }
    }

    /// Ends a fault, and starts whatever has ended by it.
    fn heal(&mut self, healing: Healing) {
        match healing {
            Healing::Nothing => {}
            Healing::Continue(pid) => drop(kill(Pid::from_raw(pid), Signal::SIGCONT)),
            Healing::ServerLine(member) => self.servers.line(member, Line::Good),
            Healing::ApiLine => self.api.set(Line::Good),
            Healing::Clock => self.clock.jump(0),
            Healing::Limit(pid) => limit(pid, "unlimited"),
        }
        for member in 0..3 {
            if self.servers.pid(member).is_none() {
                self.servers.kill_member(member);
                self.servers.start_member(member);
            }
        }
        for daemon in 0..DAEMONS.len() {
            let ended = self.daemons[daemon].as_mut().is_none_or(Daemon::has_ended);
            if ended {
                self.start(daemon);
            }
        }
    }

    /// Returns the number of records that a filter has read; `None` while no server answers.
    async fn read(&self) -> Option<usize> {
        let instances = self.site.collection("tahoe", "instance").await;
        let all = doc! {"itype": "raw", "sub_type": "cowrie"};
        let all = instances.count_documents(all).await.ok()?;
        let waiting = self.site.raws.count_pending("cowrie").await.ok()?;
        usize::try_from(all.saturating_sub(waiting)).ok()
    }

    /// Waits until all is read, and no session waits.
    async fn end(&mut self) {
        let mut moved = (Instant::now(), (0, 0));
        loop {
            let read = self.read().await.unwrap_or(0);
            let mut waiting = self.site.cache.count_pending().await.unwrap_or(1);
            for filter in SECOND_FILTERS {
                let of_it = self
                    .site
                    .archive
                    .count_waiting_sessions(filter.name())
                    .await;
                waiting += of_it.unwrap_or(1);
            }
            if read >= self.written && waiting == 0 {
                break;
            }
            if (read, waiting) != moved.1 {
                moved = (Instant::now(), (read, waiting));
            }
            let stuck = moved.0.elapsed() > STUCK;
            assert!(
                !stuck,
                "{read} of {} read, {waiting} waiting: nothing moves",
                self.written
            );
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        for daemon in std::mem::take(&mut self.daemons).into_iter().flatten() {
            assert!(daemon.terminate().success());
        }
    }
}

/// The end of a fault.
enum Healing {
    Nothing,
    Continue(i32),
    ServerLine(usize),
    ApiLine,
    Clock,
    Limit(i32),
}

/// Makes each further write of a process to a file fail.
fn full(pid: i32) -> Healing {
    limit(pid, "1");
    Healing::Limit(pid)
}

fn limit(pid: i32, bytes: &str) {
    // only the soft limit: it can be taken back without being root; the process may have ended
    let _ = Command::new("prlimit")
        .args([format!("--pid={pid}"), format!("--fsize={bytes}:")])
        .output();
}

/// How long recoveries took, by the name of the fault.
type Times = BTreeMap<String, Vec<Duration>>;

fn table(times: &Times, differences: &Differences) {
    println!("| fault | times | recovery p50 | max |\n|---|---|---|---|");
    let seconds = |of: Option<&Duration>| of.map_or(0.0, Duration::as_secs_f64);
    let mut all = Vec::new();
    for (name, took) in times {
        let mut took = took.clone();
        took.sort();
        all.extend(took.clone());
        println!(
            "| {name} | {} | {:.1} s | {:.1} s |",
            took.len(),
            seconds(took.get(took.len() / 2)),
            seconds(took.last())
        );
    }
    all.sort();
    println!(
        "| all | {} | {:.1} s | {:.1} s |",
        all.len(),
        seconds(all.get(all.len() / 2)),
        seconds(all.last())
    );
    println!(
        "lost: {}, twice: {}, attributes and objects for the sweep: {}",
        differences.lost.len(),
        differences.twice.len(),
        differences.more_nodes
    );
}

/// Has the same lines go through a site that is left in peace, and returns all documents.
async fn calm(lines: &[String]) -> Vec<CensusRow> {
    let [port] = free_ports();
    let (site, mut log) = site_on(cybexp_testkit::mongo_url(), "calm", port, port).await;
    for line in lines {
        writeln!(log, "{line}").unwrap();
    }
    let daemons = DAEMONS.map(|daemon| Daemon::start(CYBEXP, &["daemon", daemon], &site));
    let instances = site.collection("tahoe", "instance").await;
    let raws = doc! {"itype": "raw", "sub_type": "cowrie"};
    let all = async || {
        // before what waits: raws that come in between would wait unseen
        let raws = instances.count_documents(raws.clone()).await.unwrap();
        let mut waiting = site.raws.count_pending("cowrie").await.unwrap();
        for filter in SECOND_FILTERS {
            let of_it = site.archive.count_waiting_sessions(filter.name()).await;
            waiting += of_it.unwrap();
        }
        raws as usize == lines.len() && waiting == 0
    };
    let since = Instant::now();
    while !all().await {
        assert!(since.elapsed() < Duration::from_secs(1200), "undisturbed");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    for daemon in daemons {
        assert!(daemon.terminate().success());
    }
    verified(CYBEXP, &site).await;
    site.archive.census().await.unwrap()
}

async fn survive(faults: &[Fault]) {
    let lines = cowrie::records(RECORDS * faults.len(), 7);
    let mut storm = Storm::begin().await;
    let mut rng = StdRng::seed_from_u64(11);
    let mut times = Times::new();
    // faults whose records are not all read yet
    let mut open: Vec<(Fault, Instant, usize)> = Vec::new();
    for (n, fault) in faults.iter().enumerate() {
        let part = &lines[n * RECORDS..(n + 1) * RECORDS];
        let (before, during) = part.split_at(RECORDS / 2);
        storm.write(before);
        tokio::time::sleep(Duration::from_millis(rng.random_range(0..300))).await;
        let healing = storm.inject(*fault).await;
        storm.write(during);
        tokio::time::sleep(Duration::from_millis(rng.random_range(200..2500))).await;
        storm.heal(healing);
        let healed = Instant::now();
        open.push((*fault, healed, storm.written));
        while !open.is_empty() && healed.elapsed() < PATIENCE {
            if let Some(read) = storm.read().await {
                open.retain(|(fault, since, written)| {
                    if read < *written {
                        return true;
                    }
                    times.entry(fault.name()).or_default().push(since.elapsed());
                    false
                });
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        if n % 50 == 49 {
            println!(
                "{} faults, {} records, {} not caught up",
                n + 1,
                storm.written,
                open.len()
            );
        }
    }
    storm.servers.has_primary().await;
    storm.end().await;
    for (fault, since, _) in open {
        times.entry(fault.name()).or_default().push(since.elapsed());
    }
    let report = verified(CYBEXP, &storm.site).await;
    println!("{report:#}");
    let rows = storm.site.archive.census().await.unwrap();
    let differences = Differences::of(&calm(&lines).await, &rows);
    table(&times, &differences);
    differences.assert_none();
    let raws = rows.iter().filter(|row| row.itype == "raw").count();
    assert_eq!(raws, lines.len());
    let refused = storm.site.cache.refused(1).await.unwrap();
    assert!(refused.is_empty(), "{refused:?}");
}

/// One of each fault that holds nobody's lease; daemons are killed in `kills`.
#[tokio::test(flavor = "multi_thread")]
async fn servers_lines_disks_and_clocks_fail_and_nothing_is_lost() {
    survive(&[
        Fault::KillPrimary,
        Fault::StepDown,
        Fault::FreezePrimary,
        Fault::ServerLine(3),
        Fault::ApiLine(2),
        Fault::ApiLine(3),
        Fault::Clock(3600),
        Fault::Clock(-3600),
        Fault::SpoolFull,
        Fault::DiskFull,
    ])
    .await;
}

/// It takes an hour: see the head of the file.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes an hour"]
async fn a_thousand_faults() {
    let faults = env::var("CYBEXP_STORM_FAULTS").ok();
    let faults = faults.map_or(1000, |text| text.parse().expect("CYBEXP_STORM_FAULTS"));
    let all = Fault::all();
    let mut rng = StdRng::seed_from_u64(3);
    let faults: Vec<Fault> = (0..faults)
        .map(|_| all[rng.random_range(0..all.len())])
        .collect();
    survive(&faults).await;
}

/// The clock of the tests really jumps, and so it does in a process that reads it in its own way.
#[tokio::test]
async fn the_clock_jumps() {
    let folder = tempfile::tempdir().unwrap();
    let clock = JumpingClock::build(folder.path());
    let year = || {
        let out = Command::new("env")
            .args(clock.env())
            .args(["date", "+%s"])
            .output();
        let text = String::from_utf8(out.unwrap().stdout).unwrap();
        text.trim().parse::<f64>().unwrap()
    };
    let now = cybexp_testkit::now();
    assert!((year() - now).abs() < 5.0);
    clock.jump(100_000);
    assert!((year() - now - 100_000.0).abs() < 5.0);
    eventually("it is set back", async || {
        clock.jump(0);
        (year() - cybexp_testkit::now()).abs() < 5.0
    })
    .await;
}
