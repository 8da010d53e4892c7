package globalaccelerator

import (
	"fmt"
	"net/http"
)

// ErrorCode names an error of the service, as in an answer's __type.
type ErrorCode string

// The service's own errors, and the ones common to all AWS JSON services.
// ThrottlingException, TransactionInProgressException and
// LimitExceededException are retried by the SDK's default retryer as throttles,
// any 5xx as a fault.
const (
	AcceleratorNotFoundException          ErrorCode = "AcceleratorNotFoundException"
	AccessDeniedException                 ErrorCode = "AccessDeniedException"
	AssociatedEndpointGroupFoundException ErrorCode = "AssociatedEndpointGroupFoundException"
	EndpointAlreadyExistsException        ErrorCode = "EndpointAlreadyExistsException"
	EndpointGroupAlreadyExistsException   ErrorCode = "EndpointGroupAlreadyExistsException"
	EndpointGroupNotFoundException        ErrorCode = "EndpointGroupNotFoundException"
	EndpointNotFoundException             ErrorCode = "EndpointNotFoundException"
	InternalServiceErrorException         ErrorCode = "InternalServiceErrorException"
	InvalidArgumentException              ErrorCode = "InvalidArgumentException"
	InvalidNextTokenException             ErrorCode = "InvalidNextTokenException"
	InvalidPortRangeException             ErrorCode = "InvalidPortRangeException"
	LimitExceededException                ErrorCode = "LimitExceededException"
	ListenerNotFoundException             ErrorCode = "ListenerNotFoundException"
	TransactionInProgressException        ErrorCode = "TransactionInProgressException"

	InvalidSignatureException   ErrorCode = "InvalidSignatureException"
	MissingAuthenticationToken  ErrorCode = "MissingAuthenticationTokenException"
	SerializationException      ErrorCode = "SerializationException"
	ServiceUnavailableException ErrorCode = "ServiceUnavailableException"
	ThrottlingException         ErrorCode = "ThrottlingException"
	UnknownOperationException   ErrorCode = "UnknownOperationException"
	ValidationException         ErrorCode = "ValidationException"
)

// status is the HTTP status of an error. Source: the httpError traits of the
// service's API model; 400 is the default of the AWS JSON protocols.
func (c ErrorCode) status() int {
	switch c {
	case AcceleratorNotFoundException, EndpointGroupNotFoundException,
		EndpointNotFoundException, ListenerNotFoundException:
		return http.StatusNotFound
	case AccessDeniedException, MissingAuthenticationToken:
		return http.StatusForbidden
	case TransactionInProgressException:
		return http.StatusConflict
	case InternalServiceErrorException:
		return http.StatusInternalServerError
	case ServiceUnavailableException:
		return http.StatusServiceUnavailable
	default:
		return http.StatusBadRequest
	}
}

// denial is the service refusing a call.
type denial struct {
	code ErrorCode
	text string
}

// Error is for the Go side control calls, which return the refusal they met.
func (d *denial) Error() string { return string(d.code) + ": " + d.text }

func refuse(code ErrorCode, format string, args ...any) *denial {
	return &denial{code: code, text: fmt.Sprintf(format, args...)}
}

func invalid(format string, args ...any) *denial {
	return refuse(InvalidArgumentException, format, args...)
}
