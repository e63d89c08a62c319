// A program that uses the generated types: what the schema promises holds for the compiler, and what it does not
// promise is refused.
import type {
  AnythingQuery,
  AppointmentLineFragment,
  AppointmentsQueryVariables,
  FrontDeskQuery,
  OneAppointmentQuery,
} from './generated/operations.js';
import { AppointmentStatus, EventType, Outcome, type Query } from './generated/schema.js';

export function line(appointment: AppointmentLineFragment): string {
  const since: Date = new Date(appointment.statusSince);
  return `${appointment.source} ${appointment.appointmentId} ${appointment.status} ${since.toISOString()}`;
}

export function rejections(answer: OneAppointmentQuery): bigint[] {
  const edges = answer.appointment?.history.edges ?? [];
  return edges.filter(({ node }) => node.outcome === Outcome.Rejected).map(({ node }) => BigInt(node.position));
}

export function waiting(answer: FrontDeskQuery): number {
  const ready = answer.board.columns.find(({ status }) => status === AppointmentStatus.Ready);
  return ready?.appointments.length ?? 0;
}

export function name(answer: AnythingQuery): string {
  switch (answer.node?.__typename) {
    case 'Appointment':
      return answer.node.appointmentId;
    case 'Delivery':
      // @ts-expect-error a delivery may name no appointment
      return answer.node.names;
    case undefined:
      return 'nothing';
  }
}

export const variables: AppointmentsQueryVariables = { filter: { status: ['READY', 'CHECKED_IN'] }, first: 500 };

// @ts-expect-error no appointment is in such a status
export const wrongStatus: AppointmentsQueryVariables = { filter: { status: ['GONE'] } };

// @ts-expect-error an appointment that no delivery has brought into being is null
export const always = (query: Query): string => query.appointment.status;

export const steps: readonly EventType[] = [EventType.Create, EventType.UndoCheckin];
