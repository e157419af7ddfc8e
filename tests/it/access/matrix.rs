//! Every operation of the document, asked by everybody.

use domain::permission::Permission;
use e2e::{Answer, Asks, Client, KeyState, Operation, new_tenant, with_permissions};

use crate::owner::{CANARY, CLOSED, Owner, owner};

/// Asks for what the owner has, with a body that says nothing.
async fn ask(client: &Client, operation: &Operation, owner: &Owner, headers: &[(&str, &str)]) -> Answer {
    // What is taken away must be there for those who are asked for it later.
    let is_taken_away = operation.method == "DELETE" && operation.path.ends_with("{touchpoint_id}");
    let doomed = if is_taken_away { Some(owner.another_touchpoint().await) } else { None };
    let id = |name: &str| doomed.clone().unwrap_or_else(|| owner.id(name));
    let path = operation.path_with(id) + &owner.query(operation.path);
    let body = if operation.method == "GET" { Vec::new() } else { b"{}".to_vec() };
    client.send(operation.method, &path, headers, body).await
}

fn altered(key: &str) -> String {
    let last = if key.ends_with('0') { '1' } else { '0' };
    format!("{}{last}", &key[..key.len() - 1])
}

#[tokio::test]
async fn every_operation_answers_its_owner_and_nobody_else() {
    let (owner, stranger) = (owner().await, new_tenant().await);
    let wrong = owner.shop.with_key(&altered(&owner.shop.tenant.api_key));
    let theirs = owner.shop.with_key(&stranger.tenant.api_key);
    for operation in Operation::all().iter().filter(|operation| operation.asks() == Asks::Key) {
        let name = format!("{} {}", operation.method, operation.path);
        let permission = operation.permission().unwrap_or_else(|| panic!("{name} names no permission"));
        let others = Permission::ALL.iter().copied().filter(|other| *other != permission);
        let too_few = with_permissions(&owner.shop, others, KeyState::Active).await;
        let enough = with_permissions(&owner.shop, [permission], KeyState::Active).await;

        let none = ask(&owner.shop, operation, &owner, &[("x-api-key", "")]).await;
        let refused = [
            ("nobody", none, "401 UNAUTHENTICATED"),
            ("an altered key", ask(&wrong, operation, &owner, &[]).await, "401 UNAUTHENTICATED"),
            (
                "every other permission",
                ask(&too_few, operation, &owner, &[]).await,
                "403 FORBIDDEN permission",
            ),
            (
                "another tenant in the owner's name",
                ask(&theirs, operation, &owner, &[("x-tenant-id", &owner.shop.tenant.tenant_id)]).await,
                "403 TENANT_MISMATCH",
            ),
        ];
        for (who, answer, refusal) in refused {
            assert_eq!(answer.refusal(), refusal, "{name} to {who}: {}", answer.text);
            assert!(!answer.text.contains(CANARY), "{name} to {who}: {}", answer.text);
        }

        let answer = ask(&theirs, operation, &owner, &[]).await;
        let names = operation.parameters("path");
        if names.iter().any(|name| !CLOSED.contains(name)) {
            assert_eq!(answer.refusal(), "404 NOT_FOUND", "{name} to another tenant: {}", answer.text);
        }
        assert!(!answer.text.contains(CANARY), "{name} to another tenant: {}", answer.text);

        let answer = ask(&enough, operation, &owner, &[]).await;
        let is_let_in = ![401, 403, 404].contains(&answer.status);
        assert!(is_let_in, "{name} to its owner: {} {}", answer.status, answer.text);
        if operation.method == "GET" {
            assert_eq!(answer.status, 200, "{name} to its owner: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn what_needs_a_signature_takes_no_key_and_no_other_tenants_signature() {
    let (owner, stranger) = (owner().await, new_tenant().await);
    let body = br#"{"event_type":"canary"}"#;
    let signature = stranger.signature("convin", body);
    for operation in Operation::all().iter().filter(|operation| operation.asks() == Asks::Signature) {
        let path = operation.path_with(|name| owner.id(name));
        let tenant = [("x-tenant-id", owner.shop.tenant.tenant_id.as_str())];
        for headers in [vec![], vec![("x-webhook-signature", signature.as_str())]] {
            let headers = [headers, tenant.to_vec()].concat();
            let answer = owner.shop.send(operation.method, &path, &headers, body.to_vec()).await;
            assert_eq!(answer.refusal(), "401 INVALID_SIGNATURE", "{path}: {}", answer.text);
        }
    }
}
