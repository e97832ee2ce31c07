//! The sample data of the demo, by the way in which it reaches the suite.

/// The URL that the feed lists, an analyst reported and the honeypots saw being downloaded.
pub(super) const PHISHING_URL: &str = "http://login.bank-verify.example/kit/update.sh";
/// The host of [`PHISHING_URL`], which is also in a link of the mail and in the partner's event.
pub(super) const PHISHING_HOST: &str = "login.bank-verify.example";

/// Addresses that visited the honeypots: two of a campaign, one of a botnet, a scanner, the crawler of a search engine.
pub(super) const VISITORS: [&str; 5] = [
    "203.0.113.45",
    "2001:db8:bad::17",
    "198.51.100.140",
    "198.51.100.200",
    SEARCH_ENGINE,
];
/// The crawler of a search engine.
pub(super) const SEARCH_ENGINE: &str = "192.0.2.70";
/// The network of several attackers.
pub(super) const ATTACKERS_NETWORK: &str = "203.0.113.0/24";
/// An address from which a bot came.
pub(super) const BOT: &str = "203.0.113.99";

/// A data file: its name beside the configuration, and its content.
type DataFile = (&'static str, &'static str);

/// The owners of the networks.
pub(super) const NETWORKS: DataFile = (
    "networks.csv",
    include_str!("../../../../demo/networks.csv"),
);
/// Where the networks are.
pub(super) const COUNTRIES: DataFile = (
    "countries.csv",
    include_str!("../../../../demo/countries.csv"),
);
/// An allow list.
pub(super) const SEARCH_ENGINES: DataFile = (
    "search-engines.json",
    include_str!("../../../../demo/search-engines.json"),
);

/// The log of three honeypots, one record a line.
const COWRIE: &str = include_str!("../../../../demo/cowrie.json");
/// Sightings, one record a line.
const SIGHTINGS: &str = include_str!("../../../../demo/sightings.json");
/// A phishing mail that a user handed in.
const MAIL: &str = include_str!("../../../../demo/mail.eml");
/// An event that a partner shared.
const MISP: &str = include_str!("../../../../demo/misp.json");
/// A feed of URLs, short enough to be one record.
pub(super) const FEED: &str = include_str!("../../../../demo/openphish.txt");

/// Text in the records of the honeypot that sends them to a Logstash; the others' records stand in a file.
const SENT: &str = r#""sensor":"london""#;

/// Returns the records that are written to a file.
pub(super) fn logged() -> Vec<&'static str> {
    COWRIE.lines().filter(|line| !line.contains(SENT)).collect()
}

/// Returns the records that are sent over a websocket.
pub(super) fn sent() -> Vec<&'static str> {
    COWRIE.lines().filter(|line| line.contains(SENT)).collect()
}

/// A record that the demo's analyst posts.
pub(super) struct SampleRecord {
    pub(super) typetag: &'static str,
    pub(super) file: &'static str,
    pub(super) text: &'static str,
}

pub(super) fn posted() -> Vec<SampleRecord> {
    let record = |typetag, file, text| SampleRecord {
        typetag,
        file,
        text,
    };
    let sightings = SIGHTINGS.lines();
    let sightings = sightings.map(|text| record("sighting", "sightings.json", text));
    sightings
        .chain([
            record("email", "mail.eml", MAIL),
            record("misp_event", "misp.json", MISP),
        ])
        .collect()
}
