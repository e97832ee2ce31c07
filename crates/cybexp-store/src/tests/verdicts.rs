//! The latest verdict of each organisation on a value.

use tahoe_core::question::{Conditions, Context};
use tahoe_core::time::TimeRange;
use tahoe_core::{Attribute, Event, Node, SubType, Verdict};

use super::plan::Plan;
use super::{at, attribute, org, server, visible};
use crate::archive::open::Archive;
use crate::graph::read::reader::GraphReader;
use crate::graph::read::verdicts;
use crate::graph::read::wanted::order;
use crate::graph::write::batch::GraphBatch;
use crate::graph::write::writer::GraphWriter;

fn verdict(orgid: &str, second: f64, of: &Attribute, verdict: Verdict) -> Event {
    let text = |name, text: &str| Node::from(Attribute::new(SubType::from_static(name), text));
    let children = vec![
        of.clone().into(),
        text("verdict", verdict.as_str()),
        text("analyst", "jdoe@example.com"),
        text("reason", &format!("because {second}")),
    ];
    let name = SubType::from_static("verdict");
    let event = Event::new(name, org(orgid), at(second), children).unwrap();
    let event = event.with_category(verdict.category());
    match verdict {
        Verdict::Malicious => event.with_malicious([of.hash()]).unwrap(),
        Verdict::Benign | Verdict::FalsePositive => event.with_benign([of.hash()]).unwrap(),
        Verdict::Withdrawn => event,
    }
}

async fn with(events: impl IntoIterator<Item = Event>) -> (Archive, GraphReader) {
    let (server, db) = server().await;
    let archive = Archive::open(&server, &db, "instance").await.unwrap();
    let mut batch = GraphBatch::default();
    for event in events {
        batch.add_verdict(event);
    }
    let written = GraphWriter::new(&archive).write(&batch).await.unwrap();
    assert!(written.rejected.is_empty());
    let reader = GraphReader::new(&archive);
    (archive, reader)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_latest_of_each_organisation_is_given_unless_it_is_withdrawn() {
    use Verdict::{Benign, FalsePositive, Malicious, Withdrawn};
    let (a, b) = (attribute("a"), attribute("b"));
    let (_, reader) = with([
        verdict("unr", 1.0, &a, Malicious),
        verdict("unr", 3.0, &a, FalsePositive),
        verdict("unr", 2.0, &a, Benign),
        verdict("usc", 1.0, &a, Malicious),
        verdict("usc", 5.0, &a, Withdrawn),
        verdict("ucla", 4.0, &b, Benign),
    ])
    .await;
    let given = async |forms: &[&Attribute], orgs: &[&str]| {
        let forms: Vec<_> = forms.iter().map(|form| form.hash()).collect();
        let given = reader.verdicts(&forms, &visible(orgs)).await.unwrap();
        given
            .into_iter()
            .map(|one| (one.orgid, one.verdict, one.at, one.reason))
            .collect::<Vec<_>>()
    };
    let row =
        |orgid: &str, verdict, at: f64| (orgid.to_owned(), verdict, at, format!("because {at}"));
    let all = ["unr", "usc", "ucla", "nobody"];
    assert_eq!(given(&[&a], &all).await, [row("unr", FalsePositive, 3.0)]);
    let both = [row("ucla", Benign, 4.0), row("unr", FalsePositive, 3.0)];
    assert_eq!(given(&[&a, &b], &all).await, both);
    assert_eq!(given(&[&a], &["usc", "ucla"]).await, []);
    // verdicts are no observations of the value
    let mut of = Conditions {
        subjects: vec![a.hash()],
        attribute: None,
        range: TimeRange::default(),
        category: None,
        context: Context::All,
        derived: false,
    };
    assert_eq!(reader.count(&of, &visible(&all)).await.unwrap(), 0);
    of.derived = true;
    assert_eq!(reader.count(&of, &visible(&all)).await.unwrap(), 5);
}

/// One organisation changes its mind hundreds of times, after another has judged.
#[tokio::test(flavor = "multi_thread")]
async fn many_verdicts_of_one_do_not_hide_those_of_others_nor_cost_more() {
    let value = attribute("value");
    let many = (0..400).map(|n| {
        let verdict_now = match n % 2 {
            0 => Verdict::Malicious,
            _ => Verdict::Benign,
        };
        verdict("fickle", 10.0 + f64::from(n), &value, verdict_now)
    });
    let others = ["unr", "usc"].map(|org| verdict(org, 1.0, &value, Verdict::FalsePositive));
    let (archive, reader) = with(many.chain(others)).await;
    let orgs = ["fickle", "unr", "usc"];
    let given = reader.verdicts(&[value.hash()], &visible(&orgs)).await;
    let given: Vec<(String, Verdict)> = given
        .unwrap()
        .into_iter()
        .map(|one| (one.orgid, one.verdict))
        .collect();
    let expected = [
        ("fickle", Verdict::Benign),
        ("unr", Verdict::FalsePositive),
        ("usc", Verdict::FalsePositive),
    ];
    assert_eq!(
        given,
        expected.map(|(org, verdict)| (org.to_owned(), verdict))
    );
    let find = verdicts::verdicts(&[value.hash()], &orgs);
    for find in [find.clone().sort(order()), find] {
        let plan = Plan::find(&archive.coll, &find).await;
        assert_eq!(plan.returned, 100);
        plan.reads_at_most(100 + 3 * 6, 100);
    }
}
