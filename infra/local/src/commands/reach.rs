//! The table that a command works on: of a stack that runs here, or a deployed one.

use std::io;
use std::path::PathBuf;

use aws_config::BehaviorVersion;
use clap::Args;
use crae::{OWNER, ReachedAt};
use domain::ids::TenantId;
use runtime::{Aws, Clock, Endpoints, ProxyConfig};
use store::{StoreError, Table, Tenant};

#[derive(Debug, Args)]
pub(crate) struct Where {
    /// A deployed table, reached with the usual AWS environment (AWS_PROFILE, AWS_REGION, HTTPS_PROXY); without it, the stack that
    /// runs here
    #[arg(long, value_name = "NAME", global = true)]
    table: Option<String>,
    /// Where the stack that runs here keeps its data
    #[arg(long, value_name = "PATH", default_value = ".crae", global = true)]
    data_dir: PathBuf,
}

/// Why a command of tenants or keys did nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AdminError {
    #[error(
        "no crae serves the data directory {}: start it with `crae serve`, or name a deployed table with --table \
         (one that is started with --ephemeral cannot be reached)", .0.display()
    )]
    NotRunning(PathBuf),
    #[error("the data directory {} cannot be read", path.display())]
    DataDir {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("there is no tenant {0}; `crae tenant list` lists all")]
    NoTenant(TenantId),
    #[error("{0}")]
    Refused(String),
    #[error("no secret can be made")]
    NoSecret(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the table did not do it")]
    Table(#[from] StoreError),
    #[error("the process cannot be set up")]
    Process(#[source] io::Error),
}

/// A table at hand.
pub(crate) struct Reached {
    pub(crate) table: Table,
    pub(crate) clock: Clock,
}

impl Where {
    /// Runs `work` on the table.
    pub(crate) fn run(
        &self,
        work: impl AsyncFnOnce(&Reached) -> Result<String, AdminError>,
    ) -> Result<(), AdminError> {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().map_err(AdminError::Process)?;
        let said = runtime.block_on(async { work(&self.reach().await?).await })?;
        super::print(&said).map_err(AdminError::Process)
    }

    async fn reach(&self) -> Result<Reached, AdminError> {
        let clock = Clock::system();
        if let Some(name) = &self.table {
            let http_client = runtime::http_client(ProxyConfig::from_env());
            let config = aws_config::defaults(BehaviorVersion::latest()).http_client(http_client);
            let aws = Aws::of(&config.load().await);
            return Ok(Reached { table: Table::new(aws.dynamodb(), name), clock });
        }
        let at = ReachedAt::of(&self.data_dir)
            .map_err(|source| AdminError::DataDir { path: self.data_dir.clone(), source })?;
        let at = at.ok_or_else(|| AdminError::NotRunning(self.data_dir.clone()))?;
        let endpoints = Endpoints { dynamodb: at.dynamodb, s3: at.s3, sqs: at.sqs };
        Ok(Reached { table: Table::new(Aws::local(endpoints, OWNER).dynamodb(), &at.table), clock })
    }
}

impl Reached {
    pub(crate) async fn tenant(&self, id: &TenantId) -> Result<Tenant, AdminError> {
        self.table.tenant(id).await?.ok_or_else(|| AdminError::NoTenant(id.clone()))
    }
}

/// 256 bits that nobody can guess.
pub(crate) fn secret() -> Result<[u8; 32], AdminError> {
    runtime::secret().map_err(|error| AdminError::NoSecret(error.into()))
}
