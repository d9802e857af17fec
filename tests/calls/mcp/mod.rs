//! Functions of MCP servers, from outside: served over HTTP by [`server`], and by a program.

use std::time::Duration;

use serde_json::{Value, json};
use tandem::{
    domain::Business,
    live::tools::{Toolbox, Tools},
};
use turn::{Epoch, ReplyId, ToolCall};

use self::server::{Answered, Era, Script, Server, text, tool};
use super::line::{BUSINESS, PATIENCE};

pub mod server;

/// A business with one MCP server, at `url`, with these further settings.
fn business(url: &str, more: &str) -> Business {
    let text = format!("{BUSINESS}\n[[mcp]]\nname = \"crm\"\nurl = \"{url}\"\n{more}\n");
    Business::parse(&text).expect("the business is right")
}

/// The same with the program.
fn with_program(more: &str) -> Business {
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/calls/mcp/server.py");
    let server =
        format!("name = \"local\"\nprefix = \"\"\ncommand = \"python3\"\nargs = [{program:?}]");
    Business::parse(&format!("{BUSINESS}\n[[mcp]]\n{server}\n{more}\n")).expect("it is right")
}

fn environment(name: &str) -> Option<String> {
    match name {
        "CRM_TOKEN" => Some("s3cret".to_owned()),
        "PATH" => std::env::var("PATH").ok(),
        _ => None,
    }
}

async fn opened(business: &Business) -> Toolbox {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Toolbox::open(business, None, &environment).expect("the tools can be made ready")
}

async fn connected(business: &Business) -> Toolbox {
    let toolbox = opened(business).await;
    assert!(toolbox.connected(PATIENCE).await, "{:?}", toolbox.check().await);
    toolbox
}

fn call(name: &str, arguments: Value) -> ToolCall {
    ToolCall { id: "call_1".to_owned(), name: name.to_owned(), arguments }
}

/// Calls a function as a call that begins now does.
async fn ask(toolbox: &Toolbox, name: &str, arguments: Value) -> String {
    let mut tools = Tools::new(toolbox.offer(), "CA01".to_owned());
    tools.run(Epoch(0), ReplyId(0), call(name, arguments));
    let answer = tokio::time::timeout(PATIENCE, tools.next()).await;
    answer.expect("there is an answer").content
}

fn offered(toolbox: &Toolbox) -> Vec<String> {
    toolbox.offer().specs().iter().map(|spec| spec.name.clone()).collect()
}

/// Until it is so.
async fn until(mut so: impl AsyncFnMut() -> bool) {
    let becomes_so = async {
        while !so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, becomes_so).await.expect("it comes to be so");
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_of_all_kinds_of_servers_are_listed_and_called() {
    let tools = vec![
        tool("stock", json!({"readOnlyHint": true})),
        tool("order", json!({"idempotentHint": true})),
        tool("both", json!({"readOnlyHint": true, "destructiveHint": true})),
        tool("silent", json!({})),
    ];
    for (era, streams) in [
        (Era::Handshake, false),
        (Era::Handshake, true),
        (Era::PerRequest, false),
        (Era::PerRequest, true),
    ] {
        let mut script = Script::new(era, tools.clone());
        script.streams = streams;
        script.page = 3;
        script.authorization = Some("Bearer s3cret");
        let server = Server::start(script).await;
        let more =
            "headers = { Authorization = \"Bearer ${CRM_TOKEN}\" }\nfiller = \"Let me see.\"";
        let toolbox = connected(&business(&server.url, more)).await;
        assert_eq!(offered(&toolbox), ["crm_stock", "crm_order", "crm_both", "crm_silent"]);
        let offer = toolbox.offer();
        assert_eq!(offer.specs()[0].parameters["properties"]["item"]["type"], "string");
        assert_eq!(offer.specs()[0].description, "Does stock.");
        let effects: Vec<bool> = offer.policies().iter().map(|policy| policy.effects).collect();
        assert_eq!(effects, [false, true, true, true], "only what reads has none");
        assert!(offer.policies().iter().all(|policy| policy.filler == "Let me see."));
        let said = ask(&toolbox, "crm_stock", json!({"item": "tea"})).await;
        assert_eq!(said, r#"stock {"item":"tea"}"#, "{era:?} {streams}");
        let (_, request) = &server.requests("tools/call")[0];
        assert_eq!(request["params"]["_meta"]["tandem/idempotency-key"], "CA01:call_1");
        assert_eq!(
            ask(&toolbox, "stock", json!({})).await,
            "Failed: there is no function \"stock\"."
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_allowed_is_offered() {
    let hint = json!({"readOnlyHint": true});
    let server = Server::start(Script::new(
        Era::Handshake,
        vec![tool("stock", hint.clone()), tool("drop_all", hint)],
    ))
    .await;
    let more = "tools = [\"stock\"]\nprefix = \"\"\neffects = true\ncancel_on_barge_in = false";
    let toolbox = connected(&business(&server.url, more)).await;
    assert_eq!(offered(&toolbox), ["stock"]);
    assert!(toolbox.offer().policies()[0].effects, "the operator's word counts more");
    assert!(ask(&toolbox, "drop_all", json!({})).await.starts_with("Failed: there is no function"));
    assert!(server.requests("tools/call").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_list_is_read_again() {
    for era in [Era::Handshake, Era::PerRequest] {
        let server = Server::start(Script::new(era, vec![tool("one", json!({}))])).await;
        let toolbox = connected(&business(&server.url, "")).await;
        assert_eq!(offered(&toolbox), ["crm_one"]);
        let during = toolbox.offer();
        // The stream on which it tells may open a moment after the first list.
        let stream = async || {
            server.change(vec![tool("one", json!({})), tool("two", json!({}))]);
            offered(&toolbox) == ["crm_one", "crm_two"]
        };
        until(stream).await;
        assert_eq!(during.specs().len(), 1, "a call that runs keeps what it began with");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_is_said_and_bounded() {
    let script = Script::new(
        Era::PerRequest,
        ["long", "image", "refuses", "errs", "html", "odd", "never", "structured"]
            .map(|name| tool(name, json!({})))
            .to_vec(),
    );
    let server = Server::start(script.answering(|name, _| match name {
        "long" => Answered::Result(text(&"é".repeat(40_000))),
        "image" => Answered::Result(json!({"content": [
            {"type": "text", "text": "A picture:"},
            {"type": "image", "data": "AAAA", "mimeType": "image/png"},
        ]})),
        "refuses" => {
            let mut result = text("The item is sold out.");
            result["isError"] = json!(true);
            Answered::Result(result)
        }
        "errs" => Answered::Error(-32602, "Unknown item"),
        "html" => Answered::Http(200, "<html>"),
        "odd" => Answered::Http(200, r#"{"jsonrpc": "2.0", "id": 999, "result": {}}"#),
        "structured" => Answered::Result(json!({"content": [], "structuredContent": {"left": 3}})),
        _ => Answered::Never,
    }))
    .await;
    // Only the one that never answers is not given its time.
    let hurried = connected(&business(&server.url, "prefix = \"\"\nwithin_ms = 400")).await;
    assert_eq!(
        ask(&hurried, "never", json!({})).await,
        "Failed: no answer in time; whether it was done is not known."
    );
    let toolbox = connected(&business(&server.url, "prefix = \"\"\nwithin_ms = 20000")).await;
    let long = ask(&toolbox, "long", json!({})).await;
    assert!(long.len() <= 16 * 1024 && long.ends_with("(cut)"), "{}", long.len());
    let expected = [
        ("image", "A picture:\n(1 parts that are not text were left out.)"),
        ("refuses", "Failed: The item is sold out."),
        ("errs", "Failed: Unknown item."),
        ("structured", r#"{"left":3}"#),
    ];
    for (name, answer) in expected {
        assert_eq!(ask(&toolbox, name, json!({})).await, answer, "{name}");
    }
    for name in ["html", "odd"] {
        let answer = ask(&toolbox, name, json!({})).await;
        assert!(answer.starts_with("Failed: "), "{name}: {answer}");
    }
    // It was only one answer: the server is still there.
    until(async || ask(&toolbox, "structured", json!({})).await == r#"{"left":3}"#).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_a_model_takes_is_left_out() {
    let mut tools: Vec<Value> = (0..200).map(|n| tool(&format!("f{n}"), json!({}))).collect();
    tools[0]["inputSchema"]["properties"]["x"] = json!({"description": "y".repeat(17 * 1024)});
    tools[1]["name"] = json!("n".repeat(70));
    tools[2]["name"] = json!("files/read.all");
    tools[3]["name"] = json!("f4");
    tools[5]["description"] = json!("d".repeat(5_000));
    // Names of the gateway's own.
    tools[6]["name"] = json!("transfer");
    tools[7]["name"] = json!("end_call");
    let mut script = Script::new(Era::Handshake, tools);
    script.page = 7;
    let server = Server::start(script).await;
    let toolbox = connected(&business(&server.url, "prefix = \"\"")).await;
    let names = offered(&toolbox);
    let own = Business::parse(BUSINESS).unwrap().tools().len();
    assert!(names.len() + own <= 64 && names.len() > 50, "{}", names.len());
    assert_eq!(names[..4], ["files_read_all", "f4", "f5", "f8"]);
    assert_eq!(toolbox.offer().specs()[2].description.len(), 1_024);
    assert_eq!(ask(&toolbox, "files_read_all", json!({})).await, "files/read.all {}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_forgets_its_sessions_gets_a_new_one() {
    let server = Server::start(Script::new(Era::Handshake, vec![tool("stock", json!({}))])).await;
    let toolbox = connected(&business(&server.url, "")).await;
    server.forget_sessions();
    assert_eq!(ask(&toolbox, "crm_stock", json!({})).await, "stock {}");
    assert_eq!(server.requests("initialize").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_down_fails_at_once_and_is_found_again() {
    // Nothing listens there yet.
    let address = format!("127.0.0.1:{}", fixtures::ports::free());
    let toolbox = opened(&business(&format!("http://{address}/mcp"), "")).await;
    assert!(offered(&toolbox).is_empty(), "calls do not wait");
    let listener = tokio::net::TcpListener::bind(&address).await.unwrap();
    let server = Server::on(listener, Script::new(Era::PerRequest, vec![tool("stock", json!({}))]));
    until(async || offered(&toolbox) == ["crm_stock"]).await;
    assert_eq!(ask(&toolbox, "crm_stock", json!({})).await, "stock {}");

    server.set_broken(true);
    assert_eq!(ask(&toolbox, "crm_stock", json!({})).await, "Failed: crm cannot be reached.");
    // Once it is known, nothing is even tried, and the function is still offered.
    until(async || toolbox.check().await.iter().any(|(_, outcome)| outcome.is_err())).await;
    let before = server.requests("tools/call").len();
    assert_eq!(ask(&toolbox, "crm_stock", json!({})).await, "Failed: crm cannot be reached.");
    assert_eq!(server.requests("tools/call").len(), before);
    assert_eq!(offered(&toolbox), ["crm_stock"]);
    server.set_broken(false);
    until(async || ask(&toolbox, "crm_stock", json!({})).await == "stock {}").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_reads_is_asked_again_after_a_break() {
    let server = Server::start(
        Script::new(
            Era::Handshake,
            vec![tool("reads", json!({"readOnlyHint": true})), tool("writes", json!({}))],
        )
        .answering({
            let failed = std::sync::atomic::AtomicBool::new(false);
            move |name, _| match failed.swap(true, std::sync::atomic::Ordering::SeqCst) {
                false => Answered::Http(503, ""),
                true => Answered::Result(text(name)),
            }
        }),
    )
    .await;
    let toolbox = connected(&business(&server.url, "prefix = \"\"")).await;
    assert_eq!(ask(&toolbox, "reads", json!({})).await, "reads");
    assert_eq!(server.requests("tools/call").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_be_given_up_is_cancelled_at_the_server_and_the_rest_runs_on() {
    let server = Server::start(
        Script::new(
            Era::Handshake,
            vec![tool("reads", json!({"readOnlyHint": true})), tool("writes", json!({}))],
        )
        .answering(|_, _| Answered::Never),
    )
    .await;
    let more = "prefix = \"\"\ncancel_on_barge_in = true\nwithin_ms = 6000";
    let toolbox = connected(&business(&server.url, more)).await;
    let mut tools = Tools::new(toolbox.offer(), "CA01".to_owned());
    for (id, name) in [("a", "reads"), ("b", "writes")] {
        let call = ToolCall { id: id.to_owned(), ..call(name, json!({})) };
        tools.run(Epoch(3), ReplyId(1), call);
    }
    until(async || server.requests("tools/call").len() == 2).await;
    tools.cancel(Epoch(3));
    tools.cancel(Epoch(4));
    until(async || server.requests("notifications/cancelled").len() == 1).await;
    let answer = tools.next().await;
    let about = (answer.epoch, answer.reply, answer.call_id.as_str(), answer.content.as_str());
    assert_eq!(
        about,
        (Epoch(3), ReplyId(1), "b", "Failed: no answer in time; whether it was done is not known.")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_is_a_server_too() {
    let more = "env = { TOKEN = \"${CRM_TOKEN}\" }";
    let toolbox = connected(&with_program(more)).await;
    let all = ["say", "environment", "add", "noise", "flood", "crash"];
    assert_eq!(offered(&toolbox), all);
    assert_eq!(ask(&toolbox, "say", json!({"words": "naïve\n\"tea\""})).await, "naïve\n\"tea\"");
    // It sees what it was given, and nothing of ours.
    let environment = ask(&toolbox, "environment", json!({})).await;
    let environment: Value = serde_json::from_str(&environment).unwrap();
    assert_eq!(environment["TOKEN"], "s3cret");
    assert!(environment["CARGO_MANIFEST_DIR"].is_null(), "{environment}");
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some(), "else this proves nothing");
    assert_eq!(ask(&toolbox, "noise", json!({})).await, "after the noise");
    assert_eq!(ask(&toolbox, "flood", json!({})).await, "after the flood");
    assert_eq!(ask(&toolbox, "add", json!({})).await, "added");
    until(async || offered(&toolbox).len() == 7).await;
    assert_eq!(ask(&toolbox, "added", json!({})).await, "Failed: there is no such function.");
    assert_eq!(ask(&toolbox, "crash", json!({})).await, "Failed: local cannot be reached.");
    // It is started again, and knows nothing of before.
    until(async || offered(&toolbox).len() == 6).await;
    until(async || ask(&toolbox, "say", json!({"words": "back"})).await == "back").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_says_what_is_there_and_what_is_not() {
    let mut script = Script::new(Era::PerRequest, vec![tool("stock", json!({}))]);
    script.authorization = Some("Bearer another");
    let server = Server::start(script).await;
    let toolbox = opened(&business(&server.url, "")).await;
    let [(what, outcome)] = &toolbox.check().await[..] else { panic!("one finding") };
    assert_eq!(what, "mcp crm");
    assert!(outcome.as_ref().is_err_and(|why| why.contains("401")), "{outcome:?}");
    let toolbox = connected(&with_program("tools = [\"say\"]")).await;
    assert_eq!(toolbox.check().await, [("mcp local".to_owned(), Ok("1 functions".to_owned()))]);
}
