//! A site with a report daemon, and how to ask it.

use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use cybexp_store::GraphBatch;
use cybexp_testkit::{Daemon, Site, eventually};
use serde_json::{Value, json};
use tahoe_core::{
    Attribute, Event, Hash, Node, Object, OrgId, Query, Scalar, Socket, Status, SubType, Timestamp,
};

/// When queries are asked: at 13:20 of the last hour, since queries over two hours old are not answered.
pub(crate) static NOW: LazyLock<f64> = LazyLock::new(|| {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    ((since.as_secs() / 3600 - 1) * 3600 + 800) as f64
});

pub(crate) struct World {
    pub(crate) site: Site,
    _daemon: Daemon,
}

impl World {
    pub(crate) async fn new(name: &str) -> Self {
        Self::with_lists(name, &[]).await
    }

    /// A site where a threatrank may take this long, in milliseconds.
    pub(crate) async fn with_budget(name: &str, budget_ms: u64) -> Self {
        let report = json!({"accept_unsigned": true, "threatrank_budget_ms": budget_ms});
        Self::start(Site::new(name, json!({"report": report})).await)
    }

    /// A site whose operator names these allow lists.
    pub(crate) async fn with_lists(name: &str, lists: &[Value]) -> Self {
        let files = (0..lists.len()).map(|n| format!("list{n}.json"));
        let files: Vec<String> = files.collect();
        let report = json!({"accept_unsigned": true, "known_good": &files});
        let site = Site::new(name, json!({"report": report})).await;
        for (file, list) in files.iter().zip(lists) {
            std::fs::write(site.folder.path().join(file), list.to_string()).unwrap();
        }
        Self::start(site)
    }

    fn start(site: Site) -> Self {
        let daemon = Daemon::start::<&str>(env!("CARGO_BIN_EXE_cybexp-report"), &[], &site);
        Self {
            site,
            _daemon: daemon,
        }
    }

    pub(crate) async fn write(&self, batch: &GraphBatch) {
        let written = self.site.graph.write(batch).await.unwrap();
        assert!(written.rejected.is_empty(), "{written:?}");
    }

    pub(crate) fn query(&self, qtype: &str, question: &Value) -> Query {
        self.site.query(qtype, question, *NOW, Socket::default())
    }

    /// The report on a question of the site's user, or why there is none.
    pub(crate) async fn ask(&self, qtype: &str, question: Value) -> Result<Value, String> {
        self.answer(self.query(qtype, &question)).await
    }

    pub(crate) async fn count(&self, question: Value) -> u64 {
        let report = self.ask("count", question.clone()).await;
        let report = report.unwrap_or_else(|reason| panic!("{question}: {reason}"));
        assert_eq!(
            (&report["current_page"], &report["next_page"]),
            (&json!(1), &json!(1))
        );
        report["data"].as_u64().unwrap()
    }

    pub(crate) async fn related(&self, question: Value) -> Value {
        let report = self.ask("related", question.clone()).await;
        report.unwrap_or_else(|reason| panic!("{question}: {reason}"))
    }

    pub(crate) async fn answer(&self, query: Query) -> Result<Value, String> {
        let hash = query.to_object().unwrap().hash();
        let queries = &self.site.queries;
        queries.put(&[query]).await.unwrap();
        let done = || async {
            let found = queries.find(hash).await.unwrap();
            let (query, _) = found.expect("a query's document is a query at all times");
            matches!(query.status, Status::Ready | Status::Failed)
        };
        eventually("an answer", done).await;
        let (query, reason) = queries.find(hash).await.unwrap().unwrap();
        match (query.status, query.report_id, reason) {
            (Status::Ready, Some(id), None) => Ok(queries
                .document(id)
                .await
                .unwrap()
                .expect("the report is there")),
            (Status::Failed, Some(id), Some(reason)) => {
                let report = queries.document(id).await.unwrap().unwrap();
                assert_eq!(
                    (&report["itype"], &report["data"]),
                    (&json!("report"), &json!(reason))
                );
                Err(reason)
            }
            other => panic!("{other:?}"),
        }
    }
}

pub(crate) fn attribute(sub_type: &str, data: impl Into<Scalar>) -> Attribute {
    Attribute::new(SubType::new(sub_type).unwrap(), data)
}

pub(crate) fn object(sub_type: &str, children: Vec<Node>) -> Object {
    Object::new(SubType::new(sub_type).unwrap(), children).unwrap()
}

/// The id of an organisation in documents.
pub(crate) fn org_id(hash: Hash) -> OrgId {
    OrgId::new(&hash.to_string()).unwrap()
}

/// An event of an organisation, so many seconds after [`NOW`].
pub(crate) fn event(orgid: Hash, after: f64, children: Vec<Node>) -> Event {
    let at = Timestamp::new(*NOW + after).unwrap();
    Event::new(SubType::new("ssh").unwrap(), org_id(orgid), at, children).unwrap()
}
