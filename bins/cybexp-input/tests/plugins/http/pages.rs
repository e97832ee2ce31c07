//! Lists in pages.

use serde_json::{Value, json};

use crate::harness::Input;
use crate::server::{Request, Server, ok, script, status};

/// The number of the page that is asked for.
fn number(request: &Request) -> u32 {
    let query = request.uri.query().unwrap_or_default();
    let page = query.split('&').find_map(|pair| pair.strip_prefix("page="));
    page.map_or(1, |page| page.parse().unwrap())
}

#[tokio::test]
async fn all_pages_however_the_next_one_is_named() {
    type Next = fn(u32, u16) -> (Option<String>, Value);
    let named: [(Next, Value); 7] = [
        (
            |page, port| {
                (
                    Some(format!(
                        "<http://127.0.0.1:{port}/?page={page}>; rel=\"next\""
                    )),
                    json!({}),
                )
            },
            json!({}),
        ),
        (
            |page, _| {
                (
                    Some(format!("<?page=1>; rel=first, </?page={page}>; rel=next")),
                    json!({}),
                )
            },
            json!({}),
        ),
        (
            |page, port| {
                (
                    None,
                    json!({"next": format!("http://127.0.0.1:{port}/?page={page}")}),
                )
            },
            json!({}),
        ),
        (
            |page, _| (None, json!({"@odata.nextLink": format!("/?page={page}")})),
            json!({}),
        ),
        (
            |page, _| {
                (
                    None,
                    json!({"links": {"next": {"href": format!("?page={page}")}}}),
                )
            },
            json!({}),
        ),
        (
            |page, _| (None, json!({"meta": {"more": format!("?page={page}")}})),
            json!({"next": "meta.more"}),
        ),
        (
            |page, _| (None, json!({"meta": {"page": page}})),
            json!({"next": "meta.page", "next_param": "page"}),
        ),
    ];
    for (at, (next, settings)) in named.into_iter().enumerate() {
        let port = script(0);
        let serving = port.clone();
        let server = Server::start(move |request| {
            let page = number(request);
            let mut body = json!({"data": [{"id": 2 * page - 1}, {"id": 2 * page}]});
            let mut headers = Vec::new();
            if page < 4 {
                let (link, fields) = next(page + 1, *serving.lock().unwrap());
                headers.extend(link.map(|link| ("link", link)));
                body.as_object_mut()
                    .unwrap()
                    .extend(fields.as_object().unwrap().clone());
            }
            let headers: Vec<_> = headers
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            status(200, &headers, &body.to_string())
        })
        .await;
        *port.lock().unwrap() = server.port;
        let mut all =
            json!({"url": server.url("/"), "items": "data", "headers": {"x-key": "k3y-k3y"}});
        all.as_object_mut()
            .unwrap()
            .extend(settings.as_object().unwrap().clone());
        let input = Input::new("http", all.clone());
        input.fetch().await.unwrap();
        let expected: Vec<String> = (1..=8).map(|id| format!("{{\"id\":{id}}}")).collect();
        assert_eq!(input.taken().await, expected, "{at}");
        assert!(
            server
                .requests()
                .iter()
                .all(|request| request.header("x-key") == Some("k3y-k3y"))
        );
        assert_eq!(input.now().last_error, None);
        let told = input.source().check().await.unwrap();
        assert!(
            told.ends_with("the list is there, with a next page"),
            "{told}"
        );
        // and only one where that is wanted
        all["next"] = json!(false);
        all.as_object_mut().unwrap().remove("next_param");
        let input = Input::new("http", all);
        input.fetch().await.unwrap();
        assert_eq!(input.taken().await.len(), 2);
    }
}

#[tokio::test]
async fn the_next_page_of_a_post() {
    let server = Server::start(|request| {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let page = body["after"]["page"].as_u64().unwrap_or(1);
        let next = (page < 3).then_some(page + 1);
        ok(json!({"data": [format!("{} {page}", body["query"].as_str().unwrap())], "cursor": next}).to_string())
    })
    .await;
    let settings = json!({"url": server.url("/"), "items": "data", "body": {"query": "q"}, "next": "cursor",
        "next_param": "after.page"});
    let input = Input::new("http", settings);
    input.fetch().await.unwrap();
    assert_eq!(input.taken().await, ["\"q 1\"", "\"q 2\"", "\"q 3\""]);
}

#[tokio::test]
async fn circles_and_lists_without_end() {
    for (step, asked, expected) in [
        // the last page names itself
        (0, 2, None),
        // … or the first one
        (1, 2, Some("one that was read before")),
        // the server knows no pages
        (2, 2, Some("the same elements")),
        // there is always one more, with nothing in it
        (3, 11, Some("10 pages in a row")),
        // … or with something
        (4, 20, Some("more than 20 pages")),
    ] {
        let server = Server::start(move |request| {
            let page = number(request);
            let next = match step {
                0 => 2,
                1 => page % 2 + 1,
                _ => page + 1,
            };
            let data = match step {
                2 => json!([1, 2]),
                3 if page > 1 => json!([]),
                _ => json!([page]),
            };
            ok(json!({"data": data, "next": format!("/?page={next}")}).to_string())
        })
        .await;
        let input = Input::new(
            "http",
            json!({"url": server.url("/?page=1"), "items": "data", "pages": 20}),
        );
        input.fetch().await.unwrap();
        assert_eq!(server.requests().len(), asked, "{step}");
        let told = input.now().last_error;
        match expected {
            None => assert_eq!(told, None),
            Some(expected) => assert!(told.as_ref().unwrap().contains(expected), "{told:?}"),
        }
    }
}

#[tokio::test]
async fn a_page_that_was_read_is_taken_and_the_next_fetch_goes_on_there() {
    let fails = script(3);
    let failing = fails.clone();
    let server = Server::start(move |request| {
        let page = number(request);
        if page == *failing.lock().unwrap() {
            return status(502, &[], "");
        }
        let next = (page < 5).then(|| format!("/?page={}", page + 1));
        ok(json!({"data": [page], "next": next}).to_string())
    })
    .await;
    let input = Input::new("http", json!({"url": server.url("/"), "items": "data"}));
    let sink = input
        .sink(&tokio_util::sync::CancellationToken::new())
        .await;
    let mut source = input.source();
    source.fetch(&sink).await.unwrap_err();
    assert_eq!(input.taken().await, ["1", "2"]);
    *fails.lock().unwrap() = 5;
    server.requests();
    source.fetch(&sink).await.unwrap_err();
    assert_eq!(input.taken().await, ["1", "2", "3", "4"]);
    assert_eq!(
        number(&server.requests()[0]),
        3,
        "it goes on where it failed"
    );
    // where that fails at once, it begins anew: what is new may be on the first page
    source.fetch(&sink).await.unwrap_err();
    server.requests();
    *fails.lock().unwrap() = 0;
    source.fetch(&sink).await.unwrap();
    assert_eq!(number(&server.requests()[0]), 1);
    assert_eq!(input.taken().await, ["1", "2", "3", "4", "5"]);
    source.fetch(&sink).await.unwrap();
    assert_eq!(input.taken().await.len(), 5);
}

#[tokio::test]
async fn the_first_page_does_not_speak_for_the_others() {
    // oldest first: what is new is on the last page, and the first one never changes
    let last = script(2);
    let serving = last.clone();
    let server = Server::start(move |request| {
        if request.header("if-none-match").is_some() {
            return status(304, &[], "");
        }
        let page = number(request);
        let next = (page < *serving.lock().unwrap()).then(|| format!("/?page={}", page + 1));
        let body = json!({"data": [page], "next": next}).to_string();
        status(200, &[("etag", "\"e\"")], &body)
    })
    .await;
    let input = Input::new("http", json!({"url": server.url("/"), "items": "data"}));
    input.fetch().await.unwrap();
    *last.lock().unwrap() = 3;
    input.fetch().await.unwrap();
    assert_eq!(input.taken().await, ["1", "2", "3"]);
}
