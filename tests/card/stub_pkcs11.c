/* A PKCS#11 library for tests: one slot, one token, three certificates. What it does besides is
   given to the compiler, as the statements of the AT_... macros. With CODES it takes codes, and
   "signs" with them; without, to call such a function ends the process. Structures: PKCS#11 2.20. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#ifndef AT_LOAD
#define AT_LOAD
#endif
#ifndef AT_GET_LIST
#define AT_GET_LIST
#endif
#ifndef AT_INITIALIZE
#define AT_INITIALIZE
#endif
#ifndef AT_FINALIZE
#define AT_FINALIZE
#endif
#ifndef AT_GET_INFO
#define AT_GET_INFO
#endif
#ifndef AT_SLOT_LIST
#define AT_SLOT_LIST
#endif
#ifndef AT_TOKEN_INFO
#define AT_TOKEN_INFO
#endif
#ifndef AT_MECHANISMS
#define AT_MECHANISMS
#endif
#ifndef AT_OPEN
#define AT_OPEN
#endif
#ifndef AT_VALUE
#define AT_VALUE
#endif
#ifndef AT_LOGIN
#define AT_LOGIN
#endif
#ifndef AT_LOGOUT
#define AT_LOGOUT
#endif
#ifndef AT_INIT_PIN
#define AT_INIT_PIN
#endif
#ifndef AT_SET_PIN
#define AT_SET_PIN
#endif
#ifndef AT_SIGN
#define AT_SIGN
#endif
#ifndef SLOTS
#define SLOTS 1
#endif
#ifndef FLAGS
#define FLAGS 0x40D
#endif
#ifndef SERIAL
#define SERIAL "00000042"
#endif
#ifndef LIBRARY
#define LIBRARY "stub"
#endif
#ifndef LENGTH_SHOWN
#define LENGTH_SHOWN length
#endif
#ifndef FORBIDDEN
#define FORBIDDEN "/dev/null"
#endif
#ifndef FIRST_FUNCTION
#define FIRST_FUNCTION initialize
#endif

typedef unsigned long ULONG;
typedef struct { unsigned char major, minor; } Version;
typedef struct { Version api; char maker[32]; ULONG flags; char text[32]; Version version; } Info;
typedef struct { char text[64], maker[32]; ULONG flags; Version hardware, firmware; } SlotInfo;
typedef struct {
    char label[32], maker[32], model[16], serial[16];
    ULONG flags, rest[10];
    Version hardware, firmware;
    char clock[16];
} TokenInfo;
typedef struct { ULONG least, most, flags; } MechanismInfo;
typedef struct { ULONG type; void *value; ULONG length; } Attribute;

#ifdef CODES
static const ULONG session_flags = 6;
#else
static const ULONG session_flags = 4;
#endif
static const ULONG mechanisms[] = {0x0D, 0x01, 0x220};
static ULONG found, first;

/* Writes the number of this process to a file, for a test that looks whether it has ended. */
static inline void say_pid(const char *path)
{
    FILE *file = fopen(path, "w");
    fprintf(file, "%d\n", (int)getpid());
    fclose(file);
}

/* Adds a line to a file, for a test that looks what was called, and in which order. */
static inline void note(const char *path, const char *text)
{
    FILE *file = fopen(path, "a");
    fprintf(file, "%s\n", text);
    fclose(file);
}

static void fill(char *room, size_t size, const char *text)
{
    memset(room, ' ', size);
    memcpy(room, text, strlen(text));
}

static inline void hang(void)
{
    for (;;)
        pause();
}

__attribute__((constructor)) static void load(void) { AT_LOAD; }

static ULONG initialize(void *arguments)
{
    (void)arguments;
    AT_INITIALIZE;
    return 0;
}

static ULONG finalize(void *reserved)
{
    (void)reserved;
    AT_FINALIZE;
    return 0;
}

static ULONG get_info(Info *info)
{
    AT_GET_INFO;
    memset(info, 0, sizeof *info);
    fill(info->text, sizeof info->text, LIBRARY);
    info->version.major = 3;
    info->version.minor = 1;
    return 0;
}

static ULONG slot_list(unsigned char with_token, ULONG *slots, ULONG *count)
{
    (void)with_token;
    AT_SLOT_LIST;
    for (ULONG i = 0; slots && i < *count && i < SLOTS; i++)
        slots[i] = i;
    *count = SLOTS;
    return 0;
}

static ULONG slot_info(ULONG slot, SlotInfo *info)
{
    (void)slot;
    memset(info, 0, sizeof *info);
    fill(info->text, sizeof info->text, "SIMULE Lecteur");
    return 0;
}

static ULONG token_info(ULONG slot, TokenInfo *info)
{
    (void)slot;
    AT_TOKEN_INFO;
    memset(info, 0, sizeof *info);
    fill(info->model, sizeof info->model, "IAS ECC");
    fill(info->serial, sizeof info->serial, SERIAL);
    info->flags = FLAGS;
    info->rest[4] = 8;
    info->rest[5] = 4;
    return 0;
}

static ULONG mechanism_list(ULONG slot, ULONG *numbers, ULONG *count)
{
    (void)slot;
    AT_MECHANISMS;
    if (numbers)
        memcpy(numbers, mechanisms, sizeof mechanisms);
    *count = sizeof mechanisms / sizeof *mechanisms;
    return 0;
}

static ULONG mechanism_info(ULONG slot, ULONG number, MechanismInfo *info)
{
    (void)slot;
    info->flags = number == 0x220 ? 0x400 : 0x800;
    return 0;
}

static ULONG open_session(ULONG slot, ULONG flags, void *data, void *notify, ULONG *session)
{
    (void)slot, (void)data, (void)notify;
    if (flags != session_flags)
        return 0x07;
    AT_OPEN;
    *session = 7;
    return 0;
}

static ULONG close_session(ULONG session) { return session == 7 ? 0 : 0xB3; }

static ULONG find_init(ULONG session, Attribute *template, ULONG count)
{
    (void)session;
    ULONG class = count == 1 && template->type == 0 ? *(ULONG *)template->value : 0;
    if (class != 1 && !(class == 3 && session_flags == 6))
        return 0x07;
    found = 0;
    first = 100 * class;
    return 0;
}

static ULONG find(ULONG session, ULONG *objects, ULONG most, ULONG *count)
{
    (void)session, (void)most;
    *count = found < 3;
    if (*count)
        *objects = first + found++;
    return 0;
}

static ULONG find_final(ULONG session) { return session == 7 ? 0 : 0xB3; }

static ULONG value(ULONG session, ULONG object, Attribute *template, ULONG count)
{
    static const char text[] = "certificate 0";
    ULONG length = sizeof text - 1;
    (void)session, (void)count;
    AT_VALUE;
    if (template->type == 0x102) {
        if (template->value)
            *(char *)template->value = (char)(object % 100);
        template->length = 1;
        return 0;
    }
    if (template->value) {
        memcpy(template->value, text, length);
        ((char *)template->value)[length - 1] += (char)(object - 100);
    }
    template->length = LENGTH_SHOWN;
    return 0;
}

#ifdef CODES
static ULONG login(ULONG session, ULONG user, const char *code, ULONG length)
{
    (void)session, (void)user, (void)code, (void)length;
    AT_LOGIN;
    return 0;
}

static ULONG logout(ULONG session)
{
    (void)session;
    AT_LOGOUT;
    return 0;
}

static ULONG init_pin(ULONG session, const char *code, ULONG length)
{
    (void)session, (void)code, (void)length;
    AT_INIT_PIN;
    return 0;
}

static ULONG set_pin(ULONG session, const char *old, ULONG of_old, const char *code, ULONG length)
{
    (void)session, (void)old, (void)of_old, (void)code, (void)length;
    AT_SET_PIN;
    return 0;
}

static ULONG sign_init(ULONG session, void *mechanism, ULONG key)
{
    return session == 7 && *(ULONG *)mechanism == 1 && key >= 300 ? 0 : 0x07;
}

static ULONG sign(ULONG session, const char *data, ULONG size, char *signature, ULONG *length)
{
    (void)session, (void)data, (void)size;
    AT_SIGN;
    if (signature)
        memset(signature, 's', 256);
    *length = 256;
    return 0;
}
#endif

/* Every function that a diagnosis must not call. */
static ULONG forbidden(void)
{
    say_pid(FORBIDDEN);
    abort();
}

static struct { Version version; void *functions[68]; } list = {.version = {2, 20}};

ULONG C_GetFunctionList(void **answer)
{
    AT_GET_LIST;
    for (int i = 0; i < 68; i++)
        list.functions[i] = (void *)forbidden;
    list.functions[0] = (void *)FIRST_FUNCTION;
    list.functions[1] = (void *)finalize;
    list.functions[2] = (void *)get_info;
    list.functions[4] = (void *)slot_list;
    list.functions[5] = (void *)slot_info;
    list.functions[6] = (void *)token_info;
    list.functions[7] = (void *)mechanism_list;
    list.functions[8] = (void *)mechanism_info;
    list.functions[12] = (void *)open_session;
    list.functions[13] = (void *)close_session;
    list.functions[24] = (void *)value;
    list.functions[26] = (void *)find_init;
    list.functions[27] = (void *)find;
    list.functions[28] = (void *)find_final;
#ifdef CODES
    list.functions[10] = (void *)init_pin;
    list.functions[11] = (void *)set_pin;
    list.functions[18] = (void *)login;
    list.functions[19] = (void *)logout;
    list.functions[42] = (void *)sign_init;
    list.functions[43] = (void *)sign;
#endif
    *answer = &list;
    return 0;
}
