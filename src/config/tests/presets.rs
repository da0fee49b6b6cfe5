//! What a tenant's `api` decides, and what does not go together.

use std::collections::BTreeSet;

use secrecy::ExposeSecret;

use super::super::presets::Api;
use super::*;

fn by_api(api: &str, more: &str) -> Config {
    load(&format!("[tenants.default]\napi = {api:?}\n{more}"), &[]).unwrap()
}

#[test]
fn cxone_is_found_through_its_issuer_and_gently_asked() {
    let config = by_api("cxone", "");
    let tenant = tenant(&config, "default");
    let auth = &tenant.auth;
    assert_eq!((tenant.api, &tenant.base_url, &auth.token_url), (Api::Cxone, &None, &None));
    assert_eq!(text(&auth.issuer), "https://cxone.niceincontact.com/");
    assert_eq!(auth.trusted_domains, ["niceincontact.com", "nice-incontact.com", "nicecxone.com"]);
    assert_eq!((auth.grant, auth.client_auth, auth.scopes.len()), (Grant::AccessKey, ClientAuth::Basic, 0));
    assert_eq!(tenant.limits, [Limit { limit: 5, per: Duration::from_secs(1), burst: 1 }]);
    assert_eq!((tenant.max_concurrent, tenant.jobs.poll), (4, Duration::from_secs(30)));
    assert_eq!(tenant.retry.statuses, [429, 503]);
}

#[test]
fn genesys_follows_from_its_region() {
    for (more, api, login) in [
        ("", "https://api.mypurecloud.com/", "https://login.mypurecloud.com/oauth/token"),
        ("region = \"usw2.pure.cloud\"\n", "https://api.usw2.pure.cloud/", "https://login.usw2.pure.cloud/oauth/token"),
        (
            "region = \"mypurecloud.de\"\nbase_url = \"http://gateway/x/\"\n",
            "http://gateway/x",
            "https://login.mypurecloud.de/oauth/token",
        ),
        ("base_url = \"http://g/\"\nauth.token_url = \"http://t/\"\n", "http://g/", "http://t/"),
    ] {
        let config = by_api("genesys", more);
        let tenant = tenant(&config, "default");
        assert_eq!((text(&tenant.base_url), text(&tenant.auth.token_url)), (api, login), "{more}");
        assert!(config.shown().contains(&format!("base_url = {:?}", api.trim_end_matches('/'))), "{}", config.shown());
    }
    let config = by_api("genesys", "");
    let tenant = tenant(&config, "default");
    let auth = &tenant.auth;
    assert_eq!((auth.grant, auth.client_auth, auth.scopes.len()), (Grant::ClientCredentials, ClientAuth::Basic, 0));
    assert_eq!(tenant.limits, [Limit { limit: 300, per: Duration::from_secs(60), burst: 10 }]);
    assert_eq!(tenant.retry.statuses, [429, 503], "502 and 504 have a rule of their own");
    assert_eq!((tenant.max_concurrent, tenant.jobs.poll), (50, Duration::from_secs(3)));
}

#[test]
fn what_is_given_goes_over_the_preset_and_tenants_do_not_share_theirs() {
    let file = "\
[tenants.a]
api = \"cxone\"
base_url = \"https://api-na1.niceincontact.com\"
max_concurrent = 9
limits = [{ limit = 1, per = \"1s\" }]
retry.statuses = [429]
jobs.poll = \"1s\"
[tenants.a.auth]
issuer = \"https://cxone-gov.niceincontact.com\"
client_auth = \"body\"
tenant_id = \"11e8-x\"
trusted_domains = \"one.example two.example\"
access_key_id = \"key\"
access_key_secret = \"CANARY\"
[tenants.b]
api = \"genesys\"
[tenants.c]
base_url = \"https://c\"
";
    let config = load(file, &[]).unwrap();
    let a = tenant(&config, "a");
    assert_eq!(
        (text(&a.base_url), text(&a.auth.issuer)),
        ("https://api-na1.niceincontact.com/", "https://cxone-gov.niceincontact.com/")
    );
    assert_eq!((a.max_concurrent, a.limits[0].limit, a.jobs.poll), (9, 1, Duration::from_secs(1)));
    assert_eq!((a.auth.client_auth, a.retry.statuses.as_slice()), (ClientAuth::Body, &[429][..]));
    assert_eq!((a.auth.tenant_id.as_deref(), a.auth.trusted_domains.len()), (Some("11e8-x"), 2));
    assert_eq!(a.auth.access_key_secret.as_ref().unwrap().expose_secret(), "CANARY");
    assert!(a.auth.lacks().is_empty(), "{:?}", a.auth.lacks());
    assert_eq!(tenant(&config, "b").auth.client_auth, ClientAuth::Basic);
    let c = tenant(&config, "c");
    assert_eq!((c.auth.client_auth, c.max_concurrent, c.auth.scopes.len()), (ClientAuth::Body, 50, 5));
    assert_eq!(c.auth.lacks(), ["client_id", "client_secret"]);
    for shown in [config.shown(), format!("{config:?}")] {
        assert!(!shown.contains("CANARY"), "{shown}");
    }
}

#[test]
fn a_grant_needs_no_more_than_its_own_keys() {
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), "CANARY\n").unwrap();
    let path = secret.path().display();
    let older = by_api(
        "cxone",
        &format!(
            "[tenants.default.auth]\ngrant = \"access_key_json\"\n\
             token_url = \"https://na1.nice-incontact.com/authentication/v1/token/access-key\"\n\
             access_key_id = \"k\"\naccess_key_secret_file = \"{path}\"\n"
        ),
    );
    let auth = &tenant(&older, "default").auth;
    assert_eq!((auth.grant, auth.lacks().len()), (Grant::AccessKeyJson, 0));
    assert_eq!(auth.access_key_secret.as_ref().unwrap().expose_secret(), "CANARY");
    let fixed = by_api(
        "cxone",
        &format!("base_url = \"https://g\"\n[tenants.default.auth]\ngrant = \"static\"\ntoken_file = \"{path}\"\n"),
    );
    let auth = &tenant(&fixed, "default").auth;
    assert_eq!((auth.grant, auth.lacks().len(), &auth.token_url), (Grant::Static, 0, &None));
    assert_eq!(auth.token.as_ref().unwrap().expose_secret(), "CANARY");
    assert!(!format!("{auth:?} {}", fixed.shown()).contains("CANARY"));
    let bare = by_api("cxone", "base_url = \"https://g\"\nauth.grant = \"static\"\n");
    assert_eq!(tenant(&bare, "default").auth.lacks(), ["token"]);
}

#[test]
fn what_does_not_go_together_is_said() {
    let file = "\
[tenants.default]
region = \"mypurecloud.com\"
[tenants.default.auth]
issuer = \"https://x\"
tenant_id = \"x\"
trusted_domains = [\"example.com\"]
token = \"CANARY\"
token_file = \"CANARY\"
access_key_id = \"x\"
[tenants.half]
api = \"genesys\"
base_url = \"http://gateway\"
auth.client_id = \"a:b\"
[tenants.other-half]
api = \"genesys\"
auth.token_url = \"http://gateway\"
[tenants.old]
api = \"cxone\"
auth = { grant = \"access_key_json\", client_id = \"x\", scopes = \"a\", client_auth = \"body\", client_secret = \"CANARY\" }
[tenants.fixed]
api = \"cxone\"
auth = { grant = \"static\", token_url = \"https://x\", token = \"CAN ARY\", access_key_secret = \"CANARY\" }
[tenants.wrong]
api = \"cx\"
base_url = \"https://x\"
auth = { grant = \"password\", client_auth = \"header\" }
[tenants.domains]
api = \"cxone\"
auth = { trusted_domains = [\"com\", \"10.0.0.1\", \"*.example.com\", \"Example.com\", \"ok.example\"], tenant_id = \"a b\" }
[tenants.region]
api = \"genesys\"
region = \"https://mypurecloud.com\"
";
    let said = problems(file, &[]).join("\n");
    assert!(!said.contains("CANARY"), "{said}");
    insta::assert_snapshot!(said, @r#"
    c.toml:2: tenants.default.region: has no effect with api = "data-actions"
    c.toml:4: tenants.default.auth.issuer: has no effect with api = "data-actions"
    c.toml:5: tenants.default.auth.tenant_id: has no effect with api = "data-actions"
    c.toml:6: tenants.default.auth.trusted_domains: has no effect with api = "data-actions"
    c.toml:9: tenants.default.auth.access_key_id: has no effect with grant = "client_credentials"
    c.toml:7: tenants.default.auth.token: has no effect with grant = "client_credentials"
    c.toml:8: tenants.default.auth.token_file: has no effect with grant = "client_credentials"
    c.toml:29: tenants.domains.auth.tenant_id: must be a string of 1 to 128 characters of A-Z a-z 0-9 . _ -
    c.toml:29: tenants.domains.auth.trusted_domains: entry 0 must be a domain such as example.com; entry 1 must be a domain such as example.com; entry 2 must be a domain such as example.com; entry 3 must be a domain such as example.com
    c.toml:22: tenants.fixed.auth.token_url: has no effect with grant = "static"
    c.toml:22: tenants.fixed.auth.tenant_id: is missing; with grant = "static" it, or the tenant's base_url, must be given
    c.toml:22: tenants.fixed.auth.access_key_secret: has no effect with grant = "static"
    c.toml:22: tenants.fixed.auth.token: must be a secret string of visible ASCII characters
    c.toml:13: tenants.half.auth.token_url: is missing; beside base_url either it or the tenant's region must be given
    c.toml:13: tenants.half.auth.client_id: must have no colon in it with client_auth = "basic"
    c.toml:19: tenants.old.auth.token_url: is missing; with grant = "access_key_json" it must be given
    c.toml:19: tenants.old.auth.client_auth: has no effect with grant = "access_key_json"
    c.toml:19: tenants.old.auth.client_id: has no effect with grant = "access_key_json"
    c.toml:19: tenants.old.auth.client_secret: has no effect with grant = "access_key_json"
    c.toml:19: tenants.old.auth.scopes: has no effect with grant = "access_key_json"
    c.toml:16: tenants.other-half.auth.token_url: must not be given without the tenant's base_url or region
    c.toml:32: tenants.region.region: must be a string that is a domain such as "mypurecloud.de"
    c.toml:24: tenants.wrong.api: is "cx"; must be one of "data-actions", "cxone", "genesys"
    c.toml:26: tenants.wrong.auth.grant: is "password"; must be one of "client_credentials", "access_key", "access_key_json", "static"
    c.toml:26: tenants.wrong.auth.client_auth: is "header"; must be one of "body", "basic"
    "#);
}

#[test]
fn an_action_needs_a_place_where_its_api_has_none() {
    let file = "\
[tenants.a]
api = \"cxone\"
actions.nowhere = { idempotent = true }
actions.there = { path = \"/x/{id}\" }
actions.jobs = { path = \"/x\", mode = \"job\" }
actions.lost-jobs = { path = \"/x/{id}\", mode = \"job\" }
actions.found-jobs = { path = \"/x/{id}\", mode = \"job\", poll_path = \"/jobs/{jobId}\" }
[tenants.b]
api = \"genesys\"
actions.custom-1 = { idempotent = true }
actions.custom-2 = { mode = \"job\" }
[tenants.c]
base_url = \"https://c\"
actions.da-x = { mode = \"job\" }
";
    insta::assert_snapshot!(problems(file, &[]).join("\n"), @r#"
    c.toml:6: tenants.a.actions.lost-jobs.poll_path: is missing; the path has places, so where its jobs are does not follow from it
    c.toml:3: tenants.a.actions.nowhere.path: is missing; api = "cxone" has no place of its own for it
    c.toml:11: tenants.b.actions.custom-2.path: is missing; api = "genesys" has no place of its own for it
    "#);
}

#[test]
fn the_reference_says_what_holds_for_each_api() {
    let reference = reference();
    let row = |key: &str| {
        let cell = format!("| `{key}` |");
        reference.lines().filter(|line| line.starts_with(&cell)).map(str::to_owned).collect::<BTreeSet<_>>()
    };
    for (key, defaults) in [
        ("max_concurrent", "data-actions: `50`; cxone: `4`; genesys: `50`"),
        ("poll", "data-actions: `\"3s\"`; cxone: `\"30s\"`; genesys: `\"3s\"`"),
        (
            "issuer",
            "data-actions: must not be given; cxone: `\"https://cxone.niceincontact.com\"`; genesys: must not be given",
        ),
    ] {
        let rows = row(key);
        assert!(rows.iter().any(|row| row.contains(defaults)), "{key}: {rows:?}");
    }
    // What is by API is never pinned to one of them by whoever copies the sample.
    let sample: toml::Table = sample().parse().unwrap();
    let tenant = sample["tenants"]["default"].as_table().unwrap();
    assert_eq!(tenant.keys().filter(|key| ["limits", "base_url", "max_concurrent"].contains(&key.as_str())).count(), 0);
}

#[test]
fn credentials_that_are_missing_are_worth_a_warning_where_a_queue_needs_them() {
    let warned = |text: &str| load(text, &[]).unwrap().warnings().join("; ");
    insta::assert_snapshot!(warned(""), @r#"tenants.default.auth has no client_id and no client_secret: CXone (api = "data-actions") will hardly let its calls in"#);
    insta::assert_snapshot!(warned("tenants.default.api = \"cxone\""), @r#"tenants.default.auth has no client_id, no client_secret, no access_key_id and no access_key_secret: CXone (api = "cxone") will hardly let its calls in"#);
    let keyed = "tenants.default = { api = \"cxone\", auth = { access_key_id = \"a\", access_key_secret = \"b\"";
    assert_eq!(warned(&format!("{keyed} }} }}")), "", "a gateway may ask for no client");
    insta::assert_snapshot!(warned(&format!("{keyed}, client_id = \"c\" }} }}")), @r#"tenants.default.auth has no client_secret: CXone (api = "cxone") will hardly let its calls in"#);
    insta::assert_snapshot!(warned("tenants.default = { api = \"genesys\", auth = { client_id = \"c\" } }"), @r#"tenants.default.auth has no client_secret: Genesys Cloud (api = "genesys") will hardly let its calls in"#);
    insta::assert_snapshot!(warned("tenants.default = { base_url = \"http://h\", auth = { grant = \"static\" } }"), @r#"tenants.default.auth has no token: CXone (api = "data-actions") will hardly let its calls in"#);
    assert_eq!(warned("[tenants.default.auth]\nclient_id = \"a\"\nclient_secret = \"b\""), "");
    insta::assert_snapshot!(warned("tenants.default = { api = \"cxone\", auth = { grant = \"client_credentials\", client_id = \"a\", client_secret = \"b\" } }"), @r#"tenants.default.auth.grant is "client_credentials": CXone (api = "cxone") has no such grant, unless auth.issuer or auth.token_url is a gateway's; "access_key" is its own"#);
    let other = "[[queues]]\nname = \"q\"\ntenant = \"north\"\n[tenants.north]\nbase_url = \"http://h\"\n[tenants.north.auth]\nclient_id = \"a\"\nclient_secret = \"b\"";
    assert_eq!(warned(other), "", "nobody's calls go to default");
}

#[test]
fn a_url_does_not_climb() {
    let file = "[tenants.default]\nbase_url = \"http://x/a/../b\"\nauth.token_url = \"http://x/%2E/t\"\n";
    insta::assert_snapshot!(problems(file, &[]).join("\n"), @r#"
    c.toml:2: tenants.default.base_url: has a segment . or .. in its path; must be the path itself
    c.toml:3: tenants.default.auth.token_url: has a segment . or .. in its path; must be the path itself
    "#);
}

#[test]
fn the_keys_that_say_where_a_tenant_is_are_those_that_hold() {
    let found = |keys: &str| {
        let config = load(&format!("tenants.default = {{ {keys} }}"), &[]).unwrap();
        config.found_by(&TenantName::parse("default").unwrap()).replace("tenants.default.", "")
    };
    let lines = [
        "",
        "auth = { token_url = \"http://t\" }",
        "api = \"cxone\"",
        "api = \"cxone\", base_url = \"http://h\"",
        "api = \"cxone\", base_url = \"http://h\", auth = { token_url = \"http://t\", grant = \"access_key_json\" }",
        "api = \"cxone\", base_url = \"http://h\", auth = { grant = \"static\" }",
        "api = \"genesys\"",
        "api = \"genesys\", region = \"mypurecloud.de\", base_url = \"http://h\"",
        "api = \"genesys\", base_url = \"http://h\", auth = { token_url = \"http://t\" }",
    ];
    insta::assert_snapshot!(lines.map(found).join("\n"), @"
    where it is: base_url; who asks: auth (client_id, client_secret)
    where it is: base_url, auth.token_url; who asks: auth (client_id, client_secret)
    where it is: auth.issuer; who asks: auth (client_id, client_secret, access_key_id, access_key_secret)
    where it is: base_url, auth.issuer; who asks: auth (client_id, client_secret, access_key_id, access_key_secret)
    where it is: base_url, auth.token_url; who asks: auth (access_key_id, access_key_secret)
    where it is: base_url; who asks: auth (token)
    where it is: region; who asks: auth (client_id, client_secret)
    where it is: region, base_url; who asks: auth (client_id, client_secret)
    where it is: base_url, auth.token_url; who asks: auth (client_id, client_secret)
    ");
}
