//! Indexes that cannot be made.

#![allow(clippy::unwrap_used)]

mod common;

use bson::doc;
use common::*;
use cybexp_store::{Archive, Cache, Identity, Queries, Server, StoreError};
use mongodb::IndexModel;
use mongodb::options::IndexOptions;

#[tokio::test(flavor = "multi_thread")]
async fn opening_twice_is_no_conflict() {
    let (server, db) = server().await;
    for _ in 0..2 {
        // all in one database, as a small site may have it
        Archive::open(&server, &db, "tahoe").await.unwrap();
        Cache::open(&server, &db, "file_entries").await.unwrap();
        Queries::open(&server, &db, "report").await.unwrap();
        Identity::open(&server, &db, "identity").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_of_the_same_name_and_other_keys_is_told() {
    let (server, db) = server().await;
    let coll = collection(&db, COLL).await;
    let options = IndexOptions::builder()
        .name("event_keys".to_owned())
        .build();
    let other = IndexModel::builder()
        .keys(doc! {"x": 1})
        .options(options)
        .build();
    coll.create_index(other).await.unwrap();
    let error = refused(&server, &db).await;
    assert!(error.contains("event_keys"), "{error}");
    assert!(error.contains(&format!("{db}.{COLL}")), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn duplicates_that_the_unique_index_forbids_are_told() {
    let (server, db) = server().await;
    let coll = collection(&db, COLL).await;
    for _ in 0..2 {
        coll.insert_one(doc! {"_hash": "x"}).await.unwrap();
    }
    let error = match Queries::open(&server, &db, COLL).await {
        Err(error @ StoreError::Index { .. }) => error.to_string(),
        other => panic!("expected an error of an index: {other:?}"),
    };
    assert!(error.contains("identity"), "{error}");
    assert!(error.contains(&format!("{db}.{COLL}")), "{error}");
    assert!(error.contains("dup key"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_is_an_error_of_its_own() {
    let url = "mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=200";
    let server = Server::connect(url, "test").await.unwrap();
    assert!(matches!(
        server.ping().await,
        Err(StoreError::Database { .. })
    ));
    assert!(matches!(
        Server::connect("nonsense", "test").await,
        Err(StoreError::Url(_))
    ));
}

async fn refused(server: &Server, db: &str) -> String {
    match Archive::open(server, db, COLL).await {
        Err(error @ StoreError::Index { .. }) => error.to_string(),
        other => panic!("expected an error of an index: {other:?}"),
    }
}
