//! What `cxchain run` says where a tenant's credentials are missing, or its platform is not there.

use serde_json::json;

use super::{env, run};

/// Nobody listens at port 1.
const NOBODY: &str = "http://127.0.0.1:1";

/// What is said names the platform of the tenant, the keys that are meant, and the example that has them.
#[tokio::test]
async fn what_is_said_of_a_platform_is_said_of_the_tenants_own() {
    let client = [("TENANTS__DEFAULT__AUTH__CLIENT_ID", "c"), ("TENANTS__DEFAULT__AUTH__CLIENT_SECRET", "canary")];
    let key = [("TENANTS__DEFAULT__AUTH__ACCESS_KEY_ID", "k"), ("TENANTS__DEFAULT__AUTH__ACCESS_KEY_SECRET", "canary")];
    let action = ("TENANTS__DEFAULT__ACTIONS__PING", "{path = \"/ping\"}");
    let chain = json!({"chain_id": "here", "steps": [{"action_id": "ping", "timeout_seconds": 5}]}).to_string();
    let cxone = [("TENANTS__DEFAULT__API", "cxone"), ("TENANTS__DEFAULT__AUTH__ISSUER", NOBODY), action];
    let genesys = [
        ("TENANTS__DEFAULT__API", "genesys"),
        ("TENANTS__DEFAULT__BASE_URL", NOBODY),
        ("TENANTS__DEFAULT__AUTH__TOKEN_URL", NOBODY),
    ];
    for (keys, code, parts) in [
        (
            [&cxone[..], &client].concat(),
            78,
            [
                "tenants.default.auth has no access_key_id and no access_key_secret: CXone (api = \"cxone\")",
                "`cxchain simulate --api cxone`: --config examples/cxone/worker.toml",
            ],
        ),
        (
            [&cxone[..], &client, &key].concat(),
            69,
            [
                "error: CXone: no answer from the issuer",
                "where it is: tenants.default.auth.issuer; who asks: tenants.default.auth (client_id, client_secret, \
                 access_key_id, access_key_secret). (A CXone to try things on: `cxchain simulate --api cxone`, with --config \
                 examples/cxone/worker.toml here.)",
            ],
        ),
        (
            genesys.to_vec(),
            78,
            [
                "Genesys Cloud (api = \"genesys\")",
                "`cxchain simulate --api genesys`: --config examples/genesys/worker.toml",
            ],
        ),
        (
            [&genesys[..], &client].concat(),
            69,
            [
                "error: Genesys Cloud: no answer from the token endpoint",
                "where it is: tenants.default.base_url, tenants.default.auth.token_url; who asks: tenants.default.auth \
                 (client_id, client_secret). (A Genesys Cloud to try things on:",
            ],
        ),
    ] {
        let ended = run(&["run", "-"], &env(&keys), &chain).await;
        assert_eq!(ended.code, code, "{ended:?}");
        for part in parts {
            assert!(ended.said.contains(part), "{part}: {}", ended.said);
        }
        assert!(!ended.said.contains("canary") && !ended.said.contains("simulator.toml"), "{}", ended.said);
    }
}
