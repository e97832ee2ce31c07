//! A separate site for a test: databases, keys, a configuration file, an organisation with a user.

use std::path::{Path, PathBuf};

use cybexp_seal::{Format, PrivateKey};
use cybexp_store::{
    Archive, Cache, GraphWriter, Identity, NewEntry, Queries, Raws, Server, Submission,
};
use serde_json::{Value, json};
use tahoe_core::many::JoinedRecords;
use tahoe_core::question::Question;
use tahoe_core::{Hash, Org, Query, Socket, Status, SubmissionTags, Timestamp, User};
use tempfile::TempDir;

use crate::{mongo_url, unique};

/// Configuration, keys and databases for the daemons under test. The folder is removed with the site, the databases
/// with the test process.
pub struct Site {
    /// The folder of the configuration and the key.
    pub folder: TempDir,
    /// The configuration file.
    pub config: PathBuf,
    /// Sealed submissions.
    pub cache: Cache,
    /// The collection of raws and the graph.
    pub archive: Archive,
    /// The raws of the archive.
    pub raws: Raws,
    /// The writer of the archive's graph.
    pub graph: GraphWriter,
    /// Queries and reports.
    pub queries: Queries,
    /// Users and organisations.
    pub identity: Identity,
    /// The organisation that submits.
    pub orgid: Hash,
    /// The organisation's only user, who is its admin.
    pub userid: Hash,
    key: PrivateKey,
}

impl Site {
    /// Makes a site. `more` is added to its configuration, section by section.
    pub async fn new(name: &str, more: Value) -> Self {
        Self::on(mongo_url(), name, more).await
    }

    /// Makes a site as [`Site::new`] does, on this MongoDB.
    pub async fn on(mongo_url: &str, name: &str, more: Value) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let key = test_key();
        std::fs::write(
            folder.path().join("priv.pem"),
            key.to_pkcs8_pem().as_bytes(),
        )
        .expect("the folder takes files");
        std::fs::write(folder.path().join("pub.pem"), key.public_key().to_pem())
            .expect("the folder takes files");

        let server = Server::connect(mongo_url, "cybexp-test")
            .await
            .expect("a valid URL");
        let db = |part: &str| unique(&format!("{name}_{part}"));
        let (cache, tahoe, report, identity) =
            (db("cache"), db("tahoe"), db("report"), db("identity"));
        let mut config = json!({
            "api": {"host": "127.0.0.1", "listen": "127.0.0.1:0"},
            "cache": {"mongo_url": mongo_url, "db": cache},
            "tahoe": {"mongo_url": mongo_url, "db": tahoe},
            "report": {"mongo_url": mongo_url, "db": report},
            "identity": {"mongo_url": mongo_url, "db": identity, "secret": Self::SECRET},
        });
        merge(&mut config, more);
        let file = folder.path().join("config.json");
        std::fs::write(&file, config.to_string()).expect("the folder takes files");

        let user = User::new("jdoe@example.com", "no password", "John Doe").expect("valid");
        let users = std::slice::from_ref(&user);
        let org = Org::new("unr", "University", users, users).expect("valid");
        let archive = Archive::open(&server, &tahoe, "instance")
            .await
            .expect("the archive opens");
        let site = Self {
            config: file,
            cache: Cache::open(&server, &cache, "file_entries")
                .await
                .expect("the cache opens"),
            raws: Raws::new(&archive),
            graph: GraphWriter::new(&archive),
            archive,
            queries: Queries::open(&server, &report, "instance")
                .await
                .expect("the queue opens"),
            identity: Identity::open(&server, &identity, "instance")
                .await
                .expect("identity opens"),
            orgid: org.hash(),
            userid: user.hash(),
            folder,
            key,
        };
        site.identity
            .add(&org, &[user])
            .await
            .expect("the organisation is stored");
        site
    }

    /// Makes a sealed submission of this text.
    pub fn submission(&self, typetag: &str, text: &str) -> Submission {
        let entry = NewEntry {
            name: "test.json".to_owned(),
            tags: SubmissionTags {
                typetag: typetag.to_owned(),
                orgid: self.orgid.to_string(),
                timezone: "UTC".to_owned(),
                tlp: None,
            },
            timestamp: 1_700_000_000.5,
            records: None,
        };
        let sealed = self.seal(text.as_bytes());
        Submission { entry, sealed }
    }

    /// Makes a sealed submission of many records.
    pub fn submission_of_many(&self, typetag: &str, records: &[&[u8]]) -> Submission {
        let mut joined = JoinedRecords::default();
        for record in records {
            joined.begin();
            joined.extend(record);
        }
        let mut submission = self.submission(typetag, "");
        submission.entry.records = Some(records.len() as u32);
        submission.sealed = self.seal(&joined.into_bytes());
        submission
    }

    /// Stores sealed submissions of these texts.
    pub async fn submit<'a>(&self, typetag: &str, texts: impl IntoIterator<Item = &'a str>) {
        let texts = texts.into_iter();
        let submissions: Vec<Submission> =
            texts.map(|text| self.submission(typetag, text)).collect();
        self.cache
            .submit(&submissions)
            .await
            .expect("submissions are stored");
    }

    /// Returns the number of records that no archive has taken, those within submissions of many among them.
    pub async fn records_pending(&self) -> u64 {
        let entries = self.collection("cache", "file_entries").await;
        let pending = bson::doc! {"processed": false};
        let mut rows = entries.find(pending).await.expect("the cache can be read");
        let mut records = 0;
        while rows.advance().await.expect("the cache can be read") {
            let many = rows.current().get("records").ok().flatten();
            records += many.and_then(|many| many.as_i64()).unwrap_or(1) as u64;
        }
        records
    }

    /// Makes a waiting, sealed query of the site's user. `socket` is the address at which the client waits.
    pub fn query(&self, qtype: &str, question: &Value, timestamp: f64, socket: Socket) -> Query {
        let (text, qhash) = Question::encode(question).expect("the question has a canonical form");
        Query {
            qtype: qtype.to_owned(),
            qdata: String::from_utf8(self.seal(text.as_bytes())).expect("JWE is ASCII"),
            qhash,
            userid: self.userid.to_string(),
            timestamp: Timestamp::new(timestamp).expect("finite"),
            encrypted: true,
            status: Status::Wait,
            report_id: None,
            socket,
        }
    }

    /// Seals bytes for the site's daemons.
    pub fn seal(&self, bytes: &[u8]) -> Vec<u8> {
        self.key
            .public_key()
            .seal(Format::Jwe, bytes)
            .expect("sealing works")
    }
}

/// Returns the suite's test key. It is not secret, and has 2048 bits for speed.
fn test_key() -> PrivateKey {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/seal/2048_pkcs8.pem");
    let pem = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    PrivateKey::from_pem(&pem, None).expect("the test key is valid")
}

fn merge(config: &mut Value, more: Value) {
    match (config, more) {
        (Value::Object(config), Value::Object(more)) => {
            for (key, value) in more {
                merge(config.entry(key).or_insert(Value::Null), value);
            }
        }
        (config, more) => *config = more,
    }
}
