//! Indexes for lists of values and for the tables of hours: each read costs what it returns, of the organisations that the
//! reader may see.

use bson::{Bson, doc};
use tahoe_core::time::TimeRange;
use tahoe_core::{Attribute, SubType};

use super::plan::Plan;
use super::{attribute, event, server, visible};
use crate::archive::ids::{self, OrgTag};
use crate::archive::keys::{self, DerivedFrom};
use crate::archive::open::Archive;
use crate::graph::hours::times;
use crate::graph::read::reader::GraphReader;
use crate::graph::write::batch::GraphBatch;
use crate::graph::write::writer::GraphWriter;
use crate::tables::families::Family;
use crate::tables::keeper::HourKeeper;
use crate::tables::top::TopValues;
use crate::tables::{derived, headers, scan, stored, top};
use crate::values::place::NewPlace;
use crate::values::{newest, page, row, search::ValueSearch, walk, walked, write};

const HOUR: f64 = 3600.0;

fn host(n: i32) -> Attribute {
    attribute(format_args!("h{n:04}.example"))
}

/// Two organisations with 1,000 hosts each, one event of each in each of two hours, and one organisation with few.
async fn archive() -> Archive {
    let (server, db) = server().await;
    let archive = Archive::open(&server, &db, "instance").await.unwrap();
    let mut batch = GraphBatch::default();
    for n in 0..1000 {
        for (orgid, hour) in [("unr", 5.0), ("unr", 7.0), ("zz", 5.0)] {
            batch.add_event(event(orgid, hour * HOUR + f64::from(n), &[&host(n)]));
        }
    }
    batch.add_event(event("usc", 5.5 * HOUR, &[&host(1)]));
    GraphWriter::new(&archive).write(&batch).await.unwrap();
    archive
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_values_cost_their_rows() {
    let archive = archive().await;
    let org = OrgTag::of("unr");
    let head = row::head(&org, "hostname");
    let all = ValueSearch::new("hostname", "example").unwrap();
    // hosts below a domain are the second range
    let find = page::rows(&head, &all.ranges[1], None, 20);
    let plan = Plan::find(&archive.values, &find).await;
    assert_eq!(plan.returned, 20);
    plan.reads_at_most(21, 20);
    let after = row::tail("example.h0500", host(500).hash());
    let find = page::rows(&head, &all.ranges[1], Some(&after), 20);
    let plan = Plan::find(&archive.values, &find).await;
    plan.reads_at_most(21, 20);
    let range = TimeRange {
        start: Some(5.0 * HOUR),
        end: Some(6.0 * HOUR),
    };
    let place = NewPlace {
        first: 5.0 * HOUR + 600.0,
        hash: host(600).hash(),
    };
    for after in [None, Some(place)] {
        for find in newest::pages(&org, "hostname", &range, after) {
            let plan = Plan::find(&archive.values, &find.limit(20)).await;
            plan.reads_at_most(22, 20);
        }
    }
    let ids = [row::id(&org, &host(1)).unwrap(), "no row".to_owned()];
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let plan = Plan::find(&archive.values, &write::known(&ids)).await;
    assert_eq!(plan.returned, 1);
    plan.reads_at_most(4, 1);
    let seen = write::SeenValue {
        org,
        attribute: &host(1),
        first: 1.0,
    };
    let plan = Plan::update(&archive.values, &write::seen_again(ids[0], &seen)).await;
    plan.reads_at_most(1, 1);
    let plan = Plan::find(&archive.coll, &walk::events(None).limit(10)).await;
    plan.reads_at_most(11, 11);
    let plan = Plan::find(&archive.coll, &walked::any_event()).await;
    plan.reads_at_most(2, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn counting_values_reads_the_events_of_one_organisation_and_time() {
    let archive = archive().await;
    let (org, few) = (OrgTag::of("unr"), OrgTag::of("usc"));
    let plan = Plan::find(&archive.coll, &scan::events(&org, times(7, 7))).await;
    assert_eq!(plan.returned, 1000);
    plan.reads_at_most(1003, 1000);
    let plan = Plan::find(&archive.coll, &scan::events(&few, times(5, 5))).await;
    assert_eq!(plan.returned, 1);
    plan.reads_at_most(4, 1);
    let plan = Plan::find(&archive.coll, &scan::newest(&org, Some(7.0 * HOUR))).await;
    assert_eq!(plan.returned, 1);
    plan.reads_at_most(2, 0);
    let plan = Plan::find(&archive.coll, &scan::next_org(&[0; 18])).await;
    plan.reads_at_most(3, 2);
    assert_eq!(scan::orgs(&archive.coll).await.unwrap().len(), 3);
    let ids: Vec<_> = (0..30)
        .map(|n| host(n).hash().as_bytes()[..16].try_into().unwrap())
        .collect();
    let plan = Plan::find(&archive.coll, &top::by_beginning(&ids)).await;
    assert_eq!(plan.returned, 30);
    // the index alone knows the rest of the hashes
    plan.reads_at_most(61, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_are_read_by_organisation_and_hour() {
    let archive = archive().await;
    let mut keeper = HourKeeper::open(&archive).await.unwrap().without_rest();
    for _ in 0..5 {
        keeper.step(100.0 * HOUR).await.unwrap();
    }
    // hours 5 and 7, and the one between without events
    let made = headers::read(&archive.hours, 1, 1000).await.unwrap();
    let hours: Vec<i64> = made.iter().map(|header| header.hour).collect();
    assert_eq!(hours, [5, 6, 7]);
    assert!(made.iter().all(|header| header.made.is_some()));
    let plan = Plan::find(&archive.hours, &headers::between(6, 7)).await;
    plan.reads_at_most(3, 2);
    let plan = Plan::find(&archive.hours, &headers::with_chunks(6).limit(200)).await;
    plan.reads_at_most(3, 2);
    let (org, few) = (OrgTag::of("unr"), OrgTag::of("usc"));
    let plan = Plan::find(&archive.hours, &stored::chunks(&org, "hostname", 1, 1000)).await;
    assert_eq!(plan.returned, 2);
    plan.reads_at_most(3, 2);
    let plan = Plan::find(&archive.hours, &stored::chunks(&few, "hostname", 1, 1000)).await;
    assert_eq!(plan.returned, 1);
    plan.reads_at_most(2, 1);
    let ids: Vec<Bson> = vec![
        bson::Binary {
            subtype: bson::spec::BinarySubtype::Generic,
            bytes: vec![b'h', 0, 0, 0, 5],
        }
        .into(),
    ];
    let (filter, update) = headers::changed(&ids);
    let plan = Plan::update_many(&archive.hours, filter, update).await;
    plan.reads_at_most(2, 1);

    // an answer is the same once the tables are gone, and a change makes them wrong at once
    let range = TimeRange::default();
    let of = TopValues {
        sub_type: "hostname",
        range: &range,
        context: tahoe_core::question::Context::All,
        category: None,
        event: None,
        limit: 5,
    };
    let visible = visible(&["unr", "usc"]);
    let with = GraphReader::new(&archive).top(of, &visible).await.unwrap();
    assert_eq!((with.distinct, with.sum), (1000, 2001));
    assert_eq!(with.values[0], (host(1).hash(), 3));
    let mut late = GraphBatch::default();
    late.add_event(event("usc", 5.7 * HOUR, &[&host(2)]));
    GraphWriter::new(&archive).write(&late).await.unwrap();
    let made = headers::read(&archive.hours, 5, 5).await.unwrap();
    assert!(made[0].made.is_none());
    let changed = GraphReader::new(&archive).top(of, &visible).await.unwrap();
    assert_eq!(changed.sum, 2002);
    archive.hours.driver().delete_many(doc! {}).await.unwrap();
    let without = GraphReader::new(&archive).top(of, &visible).await.unwrap();
    assert_eq!(without, changed);
    assert!(without.exact);
}

/// Countries of addresses: what was derived from an organisation's values costs a look each, whatever else there is.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_derived_is_read_by_the_values_of_one_organisation() {
    let archive = archive().await;
    let mut batch = GraphBatch::default();
    let domain = Attribute::new(SubType::from_static("domain"), "h.example");
    for orgid in ["unr", "zz"] {
        for n in 0..500 {
            let derived = event(orgid, 0.0, &[&host(n), &domain]);
            let source = DerivedFrom::Attribute(host(n).hash());
            batch.add_derived(derived, source, "parent_domain");
        }
    }
    GraphWriter::new(&archive).write(&batch).await.unwrap();
    let org = OrgTag::of("unr");
    let elements = (450..550).map(|n| keys::of_source(&org, host(n).hash(), "parent_domain"));
    let elements: Vec<Bson> = elements.map(ids::binary).collect();
    let plan = Plan::find(&archive.coll, &derived::derived_data(&elements)).await;
    assert_eq!(plan.returned, 50);
    plan.reads_at_most(2 * 100, 50);
    let family = Family::of_derived("domain").unwrap();
    let plan = Plan::find(&archive.filters, &derived::standing(family)).await;
    plan.reads_at_most(2, 1);

    // each host of the hours 5 and 7 that has a domain, and the same from tables
    let range = TimeRange::default();
    let of = TopValues {
        sub_type: "domain",
        range: &range,
        context: tahoe_core::question::Context::All,
        category: None,
        event: None,
        limit: 5,
    };
    let ours = visible(&["unr", "usc"]);
    let reader = GraphReader::new(&archive);
    let without = reader.top(of, &ours).await.unwrap();
    assert_eq!(without.values, [(domain.hash(), 1000)]);
    assert!(without.exact && without.left_out == 0);
    let mut keeper = HourKeeper::open(&archive).await.unwrap().without_rest();
    for _ in 0..5 {
        keeper.step(100.0 * HOUR).await.unwrap();
    }
    assert_eq!(reader.top(of, &ours).await.unwrap(), without);
    assert_eq!(
        GraphReader::new(&archive).top(of, &ours).await.unwrap(),
        without
    );
}

/// An archive of an earlier release has neither rows nor the elements by which events are found by organisation.
#[tokio::test(flavor = "multi_thread")]
async fn the_walk_makes_what_an_older_archive_lacks() {
    let archive = archive().await;
    let rows = |archive: &Archive| {
        let values = archive.values.clone();
        async move {
            values
                .driver()
                .count_documents(doc! {"by": {"$exists": true}})
                .await
                .unwrap()
        }
    };
    assert_eq!(rows(&archive).await, 2001);
    archive.values.driver().delete_many(doc! {}).await.unwrap();
    let elements = [crate::archive::ids::binary(
        crate::archive::keys::of_org(&OrgTag::of("unr")).to_vec(),
    )];
    let pull = doc! {"$pullAll": {"_keys": elements.to_vec()}};
    archive
        .coll
        .driver()
        .update_many(doc! {}, pull)
        .await
        .unwrap();
    assert_eq!(scan::orgs(&archive.coll).await.unwrap().len(), 2);
    let reader = GraphReader::new(&archive);
    assert!(!reader.values_complete().await.unwrap());
    let mut walked = 0;
    while let Some(events) = walk::ValueWalk::new(&archive).step().await.unwrap() {
        walked += events;
    }
    assert!(walked >= 3001, "{walked}");
    assert!(reader.values_complete().await.unwrap());
    assert_eq!(rows(&archive).await, 2001);
    assert_eq!(scan::orgs(&archive.coll).await.unwrap().len(), 3);
}
