//! Putting the stack together: parts first, then the functions, then what calls them.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

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
    let folder = match &options.data {
        Data::Memory => None,
        Data::Dir(path) => Some(Folder::open(path)?),
    };
    let file = |name: &str| folder.as_ref().map(|folder| folder.file(name));
    let clock = Clock::system();
    let dynamodb = DynamoDb::start(file("dynamodb.sqlite").as_deref(), &template.table)?;
    let bucket = match file("s3") {
        Some(folder) => buckets::in_folder(&folder, &template.bucket)?,
        None => buckets::in_memory(),
    };
    let (sqs, s3, tables) = (listen(0)?, listen(0)?, listen(0)?);
    let queues = open_queues(file("sqs.sqlite"), url(&sqs)?, &clock)?;
    declare(&queues, &template).await?;
    let threads = Threads::start("crae", THREADS).map_err(StackError::Threads)?;
    let (stop_work, stop) = watch::channel(false);
    let (stop_services, no_more_services) = watch::channel(false);
    let (replica, follower) = match options.faults.index_lag {
        Some(lag) => Some(Replica::start(&template.table, dynamodb.changes(), lag)?).unzip(),
        None => (None, None),
    };
    let table = proxy::forward(dynamodb.url());
    let table = match &replica {
        Some(replica) => replica.before(table),
        None => table,
    };
    let judge: Arc<dyn Judge> = Arc::new(Policies::of(&template.functions, options.faults.judge));
    let endpoints = Endpoints { dynamodb: url(&tables)?, s3: url(&s3)?, sqs: url(&sqs)? };
    let table = proxy::before(Service::DynamoDb, table, Arc::clone(&judge));
    let bucket = proxy::before(Service::S3, bucket, Arc::clone(&judge));
    let router = proxy::before(Service::Sqs, queues.router(), judge);
    let mut services = vec![
        threads.spawn(serve(tables, table, no_more_services.clone())),
        threads.spawn(serve(s3, bucket, no_more_services.clone())),
        threads.spawn(serve(sqs, router, no_more_services.clone())),
    ];
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
    let work = Work::connect(&stack, options.faults.redelivery)?;
    let router = work.gateway(&stack.clock).router();
    let sources = Sources {
        queues: stack.queues.clone(),
        changes: stack.dynamodb.changes(),
        folder: match options.data {
            Data::Memory => None,
            Data::Dir(path) => Some(path),
        },
    };
    stack.work = work.start(&stack.threads, &sources, &stop);
    let serving = stack.threads.spawn(serve(gateway, router, stop));
    stack.work.push(serving);
    if let Some(folder) = &stack.folder {
        folder.tell(&ReachedAt {
            dynamodb: stack.endpoints.dynamodb.clone(),
            s3: stack.endpoints.s3.clone(),
            sqs: stack.endpoints.sqs.clone(),
            table: stack.template.table.name.clone(),
        })?;
    }
    Ok(stack)
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
