//! What a person at the terminal wants to know.

use std::io::{self, Write};

use crae::Data;
use crae::tenants::TenantCredentials;

pub(super) fn print(url: &str, data: &Data, tenants: &[TenantCredentials]) -> io::Result<()> {
    let text = text(url, data, tenants);
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // Whoever closed the output does not want to know.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

fn text(url: &str, data: &Data, tenants: &[TenantCredentials]) -> String {
    let data = match data {
        Data::Memory => "in memory, gone when this ends".to_owned(),
        Data::Dir(path) => path.display().to_string(),
    };
    let mut lines = vec![
        "CRAE is running; Ctrl-C stops it.".to_owned(),
        String::new(),
        format!("  API     {url}"),
        format!("  Docs    {url}/docs"),
        format!("  Data    {data}"),
    ];
    for tenant in tenants {
        let TenantCredentials { tenant_id, api_key, .. } = tenant;
        lines.push(format!("  Tenant  {tenant_id}, API key {api_key}"));
    }
    let key = tenants.first().map(|tenant| format!(" -H 'X-API-Key: {}'", tenant.api_key));
    let path = if key.is_some() { "v1/attribution/runs" } else { "health" };
    let key = key.unwrap_or_default();
    lines.extend([String::new(), format!("  Try     curl{key} {url}/{path}"), String::new()]);
    lines.join("\n") + "\n"
}
