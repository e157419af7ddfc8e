//! The file that says that everything serves, and how to reach it.

use std::fs;
use std::io;
use std::path::PathBuf;

use crae::tenants::TenantCredentials;
use serde::Serialize;

use super::ServeError;

pub(super) struct File {
    path: PathBuf,
}

#[derive(Serialize)]
struct Content<'a> {
    url: &'a str,
    tenants: &'a [TenantCredentials],
}

impl File {
    /// Takes away what an earlier run left, so that nobody takes it for this one's.
    pub(super) fn remove(path: PathBuf) -> Result<Self, ServeError> {
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(ServeError::Unwritten { path, source })
            }
            _ => Ok(Self { path }),
        }
    }

    /// Appears whole or not at all.
    pub(super) fn write(self, url: &str, tenants: &[TenantCredentials]) -> Result<(), ServeError> {
        let mut partial = self.path.clone().into_os_string();
        partial.push(".partial");
        let content = serde_json::to_vec(&Content { url, tenants }).map_err(io::Error::from);
        content
            .and_then(|content| fs::write(&partial, content))
            .and_then(|()| fs::rename(&partial, &self.path))
            .map_err(|source| ServeError::Unwritten { path: self.path, source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_gone_until_it_is_written_and_holds_exactly_the_contract() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ready.json");
        fs::write(&path, "old").unwrap();
        let file = File::remove(path.clone()).unwrap_or_else(|error| panic!("{error}"));
        assert!(!path.exists());
        let tenant = TenantCredentials {
            tenant_id: "demo".to_owned(),
            api_key: "local-key".to_owned(),
            webhook_secrets: [("convin".to_owned(), "local-secret".to_owned())].into(),
        };
        file.write("http://127.0.0.1:1", &[tenant]).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            r#"{"url":"http://127.0.0.1:1","tenants":[{"tenant_id":"demo","api_key":"local-key","webhook_secrets":{"convin":"local-secret"}}]}"#
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
