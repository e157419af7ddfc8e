//! Putting the stack together: parts first, then the functions, then what calls them.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt;
use proxy::{Judge, Service};
use runtime::{Clock, Endpoints, Metrics};
use tokio::sync::watch;

use super::folder::{Folder, ReachedAt};
use super::work::{Sources, Work};
use super::{Data, Options, Stack, StackError};
use crate::dynamodb::{DynamoDb, Replica};
use crate::functions;
use crate::policies::Policies;
use crate::sqs::{Queues, SqsError};
use crate::template::{EMBEDDED, Template};
use crate::threads::{Stop, Threads, stopped};

/// For requests, pollers and schedules; they wait more than they compute.
const THREADS: usize = 4;

pub(super) async fn start(options: Options) -> Result<Stack, StackError> {
    let template = Template::read(EMBEDDED, &options.parameters)?;
    check_names(&template)?;
    let gateway = listen(options.port)?;
    let folder = options.data.folder().map(Folder::open).transpose()?;
    let clock = Clock::system();
    let (sqs, s3, tables) = (listen(0)?, listen(0)?, listen(0)?);
    let Embedded { dynamodb, bucket, queues } =
        open(&template, folder.as_ref(), (&clock, url(&sqs)?)).await?;
    let threads = Threads::start("crae", THREADS).map_err(StackError::Threads)?;
    let (stop_work, stop) = watch::channel(false);
    let (stop_services, no_more_services) = watch::channel(false);
    let (replica, follower) = match options.faults.index_lag {
        Some(lag) => Some(Replica::start(&template.table, dynamodb.changes(), lag)?).unzip(),
        None => (None, None),
    };
    let table = match &replica {
        Some(replica) => replica.before(dynamodb.router()),
        None => dynamodb.router(),
    };
    let endpoints = Endpoints { dynamodb: url(&tables)?, s3: url(&s3)?, sqs: url(&sqs)? };
    let judge = Arc::new(Policies::of(&template.functions, options.faults.judge));
    let served =
        [(tables, Service::DynamoDb, table), (s3, Service::S3, bucket), (sqs, Service::Sqs, queues.router())];
    let mut services = Vec::from(served.map(|it| threads.spawn(judged(it, &judge, &no_more_services))));
    services.extend(follower.map(|follower| threads.spawn(follower.run(no_more_services))));
    let mut stack = Stack {
        url: url(&gateway)?,
        endpoints,
        services,
        template,
        clock,
        metrics: Metrics::kept(),
        queues,
        dynamodb,
        replica,
        work: Vec::new(),
        stop_work,
        stop_services,
        threads,
        folder,
    };
    stack.begin(gateway, (&options.data, options.faults.redelivery), stop)?;
    stack.tell()?;
    Ok(stack)
}

impl Stack {
    /// Connects the functions to the services, and lets requests, messages and time reach them.
    fn begin(
        &mut self,
        gateway: TcpListener,
        (data, redelivery): (&Data, Option<Duration>),
        stop: Stop,
    ) -> Result<(), StackError> {
        let work = Work::connect(self, redelivery)?;
        let router = work.gateway(&self.clock).router();
        let sources = Sources {
            queues: self.queues.clone(),
            changes: self.dynamodb.changes(),
            folder: data.folder().map(Path::to_owned),
        };
        self.work = work.start(&self.threads, &sources, &stop);
        self.work.push(self.threads.spawn(serve(gateway, router, stop)));
        Ok(())
    }

    /// Tells commands in other processes where the services are.
    fn tell(&self) -> Result<(), StackError> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let Endpoints { dynamodb, s3, sqs } = self.endpoints.clone();
        folder.tell(&ReachedAt { dynamodb, s3, sqs, table: self.template.table.name.clone() })
    }
}

/// A function in the template needs code, and the reverse: what is compiled in and never called is a mistake too.
fn check_names(template: &Template) -> Result<(), StackError> {
    let names: Vec<_> = template.functions.iter().map(|function| function.name.as_str()).collect();
    if let Some(name) = names.iter().find(|name| functions::Function::named(name).is_none()) {
        return Err(StackError::NoCode((*name).to_owned()));
    }
    match functions::ALL.iter().find(|function| !names.contains(&function.name)) {
        Some(function) => Err(StackError::NotInTemplate(function.name.to_owned())),
        None => Ok(()),
    }
}

/// The embedded services, before anybody can reach them.
struct Embedded {
    dynamodb: DynamoDb,
    bucket: Router,
    queues: Queues,
}

async fn open(
    template: &Template,
    folder: Option<&Folder>,
    (clock, queues_url): (&Clock, String),
) -> Result<Embedded, StackError> {
    let file = |name: &str| folder.map(|folder| folder.file(name));
    let dynamodb = DynamoDb::start(file("dynamodb.sqlite").as_deref(), &template.table)?;
    let bucket = match file("s3") {
        Some(folder) => buckets::in_folder(&folder, &template.bucket)?,
        None => buckets::in_memory(),
    };
    let queues = open_queues(file("sqs.sqlite"), queues_url, clock)?;
    declare(&queues, template).await?;
    Ok(Embedded { dynamodb, bucket, queues })
}

fn open_queues(file: Option<PathBuf>, url: String, clock: &Clock) -> Result<Queues, SqsError> {
    let clock = clock.clone();
    let now = move || u64::try_from(clock.now().ms()).unwrap_or_default();
    Queues::open(file.as_deref(), url, now)
}

/// Dead-letter queues come first, since the others name them.
async fn declare(queues: &Queues, template: &Template) -> Result<(), SqsError> {
    let mut specs = template.queues.clone();
    specs.sort_by_key(|spec| spec.redrive.is_some());
    for spec in specs {
        queues.create(spec).await?;
    }
    Ok(())
}

fn listen(port: u16) -> Result<TcpListener, StackError> {
    let listener = TcpListener::bind(("127.0.0.1", port)).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    listener.map_err(|source| {
        if source.kind() == io::ErrorKind::AddrInUse {
            StackError::PortInUse(port)
        } else {
            StackError::Port { port, source }
        }
    })
}

fn url(listener: &TcpListener) -> Result<String, StackError> {
    match listener.local_addr() {
        Ok(address) => Ok(format!("http://{address}")),
        Err(source) => Err(StackError::Port { port: 0, source }),
    }
}

/// Serves a service with the judge before it.
fn judged(
    (listener, kind, service): (TcpListener, Service, Router),
    judge: &Arc<Policies>,
    stop: &Stop,
) -> impl Future<Output = ()> + use<> {
    let judge: Arc<dyn Judge> = Arc::<Policies>::clone(judge);
    serve(listener, proxy::before(kind, service, judge), stop.clone())
}

async fn serve(listener: TcpListener, router: Router, stop: Stop) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        // Answers are small; waiting to fill a packet would only delay them.
        Ok(listener) => listener.tap_io(|connection| {
            if let Err(error) = connection.set_nodelay(true) {
                tracing::debug!(%error, "answers may be delayed");
            }
        }),
        Err(error) => {
            tracing::error!(%error, "a port cannot be served");
            return;
        }
    };
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let served = axum::serve(listener, service).with_graceful_shutdown(stopped(stop));
    if let Err(error) = served.await {
        tracing::error!(%error, "a port is served no more");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn check(code_of_the_site: &str) -> Result<(), StackError> {
        let text = EMBEDDED.replace("target/lambda/site/", code_of_the_site);
        check_names(&Template::read(&text, &BTreeMap::new())?)
    }

    #[test]
    fn a_function_without_code_and_code_without_a_function_are_refused() {
        assert!(check("target/lambda/site/").is_ok());
        assert!(matches!(check("target/lambda/sight/"), Err(StackError::NoCode(name)) if name == "sight"));
        let twice = check("target/lambda/identity-api/");
        assert!(matches!(twice, Err(StackError::NotInTemplate(name)) if name == "site"));
    }
}
