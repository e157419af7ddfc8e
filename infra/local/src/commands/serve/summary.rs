//! What a person at the terminal wants to know.

use std::io;

use crae::Data;
use crae::demo::Standings;
use crae::tenants::{TenantCredentials, signature};

use crate::commands::print;

/// A call to try, long enough ago that no clock has it in the future.
const CALL: &str = r#"{"event_type":"call.started","call_id":"call-1","timestamp":"2025-03-03T10:00:00Z","data":{"phone_number":"+14155550123","agent_id":"maya"}}"#;

pub(super) fn show(
    url: &str,
    data: &Data,
    tenants: &[TenantCredentials],
    standings: Option<&Standings>,
) -> io::Result<()> {
    let mut lines: Vec<_> = standings.map(Standings::show).into_iter().collect();
    lines.extend([
        "CRAE is running on this machine. Ctrl-C stops it.".to_owned(),
        String::new(),
        format!("  API     {url}"),
        format!("  Docs    {url}/docs"),
        format!("  Data    {}", place(data)),
    ]);
    lines.extend(tenants.iter().flat_map(credentials));
    if let Some(tenant) = tenants.first() {
        lines.extend(standings.into_iter().flat_map(|standings| report(url, tenant, standings)));
        lines.extend(commands(url, tenant));
    }
    lines.push(String::new());
    print(&(lines.join("\n") + "\n"))
}

fn place(data: &Data) -> String {
    match data {
        Data::Memory => "in memory, gone when this ends".to_owned(),
        Data::Dir(path) => path.display().to_string(),
    }
}

fn credentials(tenant: &TenantCredentials) -> Vec<String> {
    let mut lines = vec![format!("  Tenant  {:<8}API key           {}", tenant.tenant_id, tenant.api_key)];
    for (provider, secret) in &tenant.webhook_secrets {
        lines.push(format!("{:18}{:<18}{secret}", "", format!("{provider} secret")));
    }
    lines
}

fn report(url: &str, tenant: &TenantCredentials, standings: &Standings) -> Vec<String> {
    let (api_key, days) = (&tenant.api_key, standings.days());
    vec![
        String::new(),
        "Try, in another terminal, what each agent earned:".to_owned(),
        String::new(),
        format!("  curl '{url}/v1/analytics/agents/revenue?{days}' -H 'X-API-Key: {api_key}'"),
    ]
}

/// Signed here, so that they work as pasted.
fn commands(url: &str, tenant: &TenantCredentials) -> Vec<String> {
    let TenantCredentials { tenant_id, api_key, webhook_secrets } = tenant;
    let secret = webhook_secrets.get("convin").map(String::as_str).unwrap_or_default();
    let signature = signature(secret, CALL.as_bytes());
    vec![
        String::new(),
        format!("Send a webhook as Convin signs it for {tenant_id}:"),
        String::new(),
        format!("  curl {url}/v1/webhooks/convin/{tenant_id} \\"),
        format!("    -H 'X-Webhook-Signature: {signature}' \\"),
        format!("    -d '{CALL}'"),
        String::new(),
        "and read the call that it tells of:".to_owned(),
        String::new(),
        format!("  curl {url}/v1/interactions/ext:convin:call-1 -H 'X-API-Key: {api_key}'"),
    ]
}
