//! Two workers that find the same items at the same moment.

use bson::Bson;
use bson::oid::ObjectId;

use super::server;
use crate::mongo::lease::Lease;

#[tokio::test(flavor = "multi_thread")]
async fn items_go_to_whoever_leased_them_first() {
    let (server, db) = server().await;
    for later_opened_takes_first in [false, true] {
        let mut workers = Vec::new();
        for _ in 0..2 {
            workers.push(Lease::open(&server, &db, "cowrie@1").await.unwrap());
        }
        if later_opened_takes_first {
            workers.reverse();
        }
        let items: Vec<ObjectId> = (0..3).map(|_| ObjectId::new()).collect();
        let items: Vec<Bson> = items.into_iter().map(Bson::from).collect();
        assert_eq!(workers[0].take(items.clone()).await.unwrap().len(), 3);
        // the server's clock must distinguish the two
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        assert_eq!(workers[1].take(items[1..].to_vec()).await.unwrap().len(), 0);
        for worker in &mut workers {
            worker.release().await.unwrap();
        }
    }
}
