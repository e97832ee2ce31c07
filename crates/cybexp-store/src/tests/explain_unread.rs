//! Raws that no filter reads.

use super::plan::Plan;
use super::{fill, raw, server, stored_raw};
use crate::archive::open::Archive;
use crate::inspect::unread::{next_typetag, raws_of};

#[tokio::test(flavor = "multi_thread")]
async fn a_typetag_costs_a_key_however_many_raws_have_it() {
    let (server, db) = server().await;
    let archive = Archive::open(&server, &db, "instance").await.unwrap();
    let raws = (0..3000).map(|i| {
        let typetag = if i < 2900 { "cowrie" } else { "zeek" };
        stored_raw(&raw(typetag, i), &[])
    });
    fill(&archive.coll, raws).await;
    let plan = Plan::find(&archive.coll, &next_typetag("cowrie")).await;
    assert_eq!(plan.returned, 1);
    plan.reads_at_most(1, 1);
    let plan = Plan::count(&archive.coll, &raws_of("zeek")).await;
    plan.reads_at_most(101, 100);
}
