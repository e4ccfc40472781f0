"""Changes to pipelines and their jobs, each with its webhooks.

The sandbox runs nothing: a test or a request says how a job ends.
"""

from collections.abc import Mapping

from . import payloads
from .actor import Actor
from .state import Job, Pipeline, Project

ENDED = frozenset({"success", "failed", "canceled", "skipped"})


def run(
    actor: Actor,
    project: Project,
    ref: str,
    jobs: Mapping[str, str],
    *,
    source: str = "push",
    trace: str = "",
) -> Pipeline:
    """Add a pipeline for the head of a branch.

    Args:
        actor: Who causes it.
        project: The project.
        ref: The branch.
        jobs: The status of each job by its name.
        source: GitLab's word for the cause.
        trace: The log of each job.
    """
    pipeline = actor.instance.create(
        Pipeline,
        iid=len(project.pipelines) + 1,
        project=project,
        ref=ref,
        sha=project.branches[ref],
        source=source,
        user=actor.user,
    )
    project.pipelines[pipeline.id] = pipeline
    for name, status in jobs.items():
        _add_job(actor, pipeline, name, status, trace)
    _fire(actor, pipeline)
    return pipeline


def set_status(actor: Actor, job: Job, status: str) -> None:
    """Change the status of a job, and of its pipeline."""
    before = job.pipeline.status
    _stamp(actor, job, status)
    actor.fire(job.pipeline.project, "job_events", payloads.job_event(job), background=True)
    if job.pipeline.status != before:
        _fire(actor, job.pipeline)


def retry(actor: Actor, job: Job) -> Job:
    """Run a job again: GitLab adds another one of the same name."""
    again = _add_job(actor, job.pipeline, job.name, "pending", "")
    _fire(actor, job.pipeline)
    return again


def _add_job(actor: Actor, pipeline: Pipeline, name: str, status: str, trace: str) -> Job:
    job = actor.instance.create(Job, pipeline=pipeline, name=name, stage="test", trace=trace)
    pipeline.jobs.append(job)
    _stamp(actor, job, status)
    actor.fire(pipeline.project, "job_events", payloads.job_event(job), background=True)
    return job


def _stamp(actor: Actor, job: Job, status: str) -> None:
    now = actor.instance.now()
    job.status, job.updated_at = status, now
    if status != "pending":
        job.started_at = job.started_at or now
    job.finished_at = now if status in ENDED else None


def _fire(actor: Actor, pipeline: Pipeline) -> None:
    pipeline.updated_at = actor.instance.now()
    actor.fire(
        pipeline.project, "pipeline_events", payloads.pipeline_event(pipeline), background=True
    )
