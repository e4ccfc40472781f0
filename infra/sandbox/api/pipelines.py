"""Pipelines and their jobs. The sandbox runs nothing: see `Sandbox.run_pipeline`.

https://docs.gitlab.com/api/pipelines/ and https://docs.gitlab.com/api/jobs/
"""

from starlette.responses import PlainTextResponse, Response

from .. import entities, pipelines
from ..entities import Json
from ..state import DEVELOPER, Job, Pipeline
from .call import MERGE_REQUEST, Call
from .endpoints import endpoint, index, show
from .errors import ApiError

_PIPELINES = "/projects/{id}/pipelines"
_PIPELINE = f"{_PIPELINES}/{{pipeline_id}}"
_JOBS = "/projects/{id}/jobs"
_JOB = f"{_JOBS}/{{job_id}}"
_RUNNING = ("pending", "running")


@endpoint("POST", "/projects/{id}/pipeline")
def create(call: Call) -> Json:
    """Create a pipeline with one job, which waits."""
    call.require(DEVELOPER)
    ref = call.params.required("ref")
    if ref not in call.project.branches:
        raise ApiError(400, {"message": {"base": ["Reference not found"]}})
    made = pipelines.run(call, call.project, ref, {"test": "pending"}, source="api")
    return entities.pipeline(made)


@endpoint("POST", f"{_PIPELINE}/retry")
def retry_pipeline(call: Call) -> Json:
    call.require(DEVELOPER)
    pipeline = _find(call)
    for job in _latest(pipeline):
        if job.status in ("failed", "canceled"):
            pipelines.retry(call, job)
    return entities.pipeline(pipeline)


@endpoint("POST", f"{_PIPELINE}/cancel")
def cancel_pipeline(call: Call) -> Json:
    call.require(DEVELOPER)
    pipeline = _find(call)
    for job in _latest(pipeline):
        if job.status in _RUNNING:
            pipelines.set_status(call, job, "canceled")
    return entities.pipeline(pipeline)


@endpoint("POST", f"{_JOB}/retry")
def retry_job(call: Call) -> Json:
    call.require(DEVELOPER)
    job = _find_job(call)
    if job.status in _RUNNING:
        raise ApiError(403, {"message": "403 Forbidden - Job is not retryable"})
    return entities.job(pipelines.retry(call, job))


@endpoint("POST", f"{_JOB}/cancel")
def cancel_job(call: Call) -> Json:
    call.require(DEVELOPER)
    job = _find_job(call)
    if job.status in _RUNNING:
        pipelines.set_status(call, job, "canceled")
    return entities.job(job)


@endpoint("GET", f"{_JOB}/trace")
def trace(call: Call) -> Response:
    return PlainTextResponse(_find_job(call).trace)


def _all(call: Call) -> list[Pipeline]:
    params = call.params
    wanted = {name: params.text(name) for name in ("status", "ref", "sha", "source")}
    return [
        each
        for each in reversed(call.project.pipelines.values())
        if all(value in (None, getattr(each, name)) for name, value in wanted.items())
    ]


def _of_merge_request(call: Call) -> list[Pipeline]:
    source_branch = call.merge_request.source_branch
    found = reversed(call.project.pipelines.values())
    return [each for each in found if each.ref == source_branch]


def _find(call: Call) -> Pipeline:
    return call.find(call.project.pipelines, "pipeline_id")


def _find_job(call: Call) -> Job:
    found = {job.id: job for each in call.project.pipelines.values() for job in each.jobs}
    return call.find(found, "job_id")


def _latest(pipeline: Pipeline) -> list[Job]:
    return list({job.name: job for job in pipeline.jobs}.values())


def _jobs(call: Call) -> list[Job]:
    found = _latest(_find(call))
    if call.params.flag("include_retried", False):
        found = _find(call).jobs
    scope = call.params.names("scope")
    return [job for job in reversed(found) if scope is None or job.status in scope]


index(_PIPELINES, find=_all, entity=entities.pipeline)
index(f"{MERGE_REQUEST}/pipelines", find=_of_merge_request, entity=entities.pipeline)
show(_PIPELINE, find=_find, entity=entities.pipeline)
index(f"{_PIPELINE}/jobs", find=_jobs, entity=entities.job)
show(_JOB, find=_find_job, entity=entities.job)
