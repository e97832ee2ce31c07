//! Feeds by command.

use serde_json::json;

use crate::{SiteWithApi, json_of};

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_is_added_shown_and_removed() {
    let up = SiteWithApi::new(&[]).await;
    let mut add = vec!["feed", "add", "attackers", "--org", "unr", "--type", "ipv4"];
    add.extend([
        "--keep",
        "14d",
        "--min-count",
        "3",
        "--tlp",
        "green",
        "--json",
    ]);
    let added = json_of(&up.run(&add).good());
    assert!(added["token"].as_str().unwrap().starts_with("cybexp-feed-"));
    let feed = &added["feed"];
    assert_eq!(
        (&feed["keep_s"], &feed["min_count"], &feed["tlp"]),
        (&json!(14 * 86_400), &json!(3), &json!("green"))
    );
    let again = up.run(&add).bad();
    assert!(again.contains("there is a feed of this name"), "{again}");
    let wrong = up.run(&["feed", "add", "Evil/../x", "--org", "unr", "--type", "ipv4"]);
    assert!(wrong.bad().contains("field name"));

    let listed = up.run(&["feed", "list"]).good();
    assert!(
        listed.contains("attackers") && listed.contains("searching"),
        "{listed}"
    );
    let shown = up.run(&["feed", "show", "attackers"]).good();
    assert!(shown.contains("/feeds/attackers.txt"), "{shown}");
    let token = up.run(&["feed", "token", "attackers"]).good();
    assert!(token.starts_with("cybexp-feed-"), "{token}");
    up.run(&["feed", "remove", "attackers"]).good();
    assert!(
        up.run(&["feed", "show", "attackers"])
            .bad()
            .contains("there is no feed")
    );
    assert_eq!(
        json_of(&up.run(&["feed", "list", "--json"]).good()),
        json!([])
    );
}
